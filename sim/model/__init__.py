"""Pure formulas and data structures of the model; nothing here knows SimPy."""
