"""The moving parts, and the only modules that import SimPy."""
