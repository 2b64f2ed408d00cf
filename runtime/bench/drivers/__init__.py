"""What can be launched and timed, one module a driver."""
