"""The one record type of real and simulated launches, and its file."""
