"""Containers: from an image and options to a running process and back to nothing."""
