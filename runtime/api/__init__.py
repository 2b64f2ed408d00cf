"""The Docker Engine API over HTTP on a unix socket: one module per resource, one router."""
