"""The `tare` command; the only place that imports both runtime and sim."""
