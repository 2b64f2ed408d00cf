"""The benchmark: clocks, drivers and records."""
