"""OCI documents as frozen dataclasses; pure."""
