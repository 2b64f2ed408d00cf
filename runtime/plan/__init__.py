"""From a specification to an ordered list of kernel operations; pure."""
