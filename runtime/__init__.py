"""A readable container engine: kernel facilities, launcher, images, engine, benchmark and the `tare` command."""
