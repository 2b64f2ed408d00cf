"""A SimPy model of how containers and virtual machines start, what memory they hold and how many fit."""
