"""Turns a plan into a process by way of the zygote."""
