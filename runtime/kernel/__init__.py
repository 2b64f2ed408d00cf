"""The only layer that touches Linux; thin and typed, no policy."""
