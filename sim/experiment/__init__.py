"""Whole experiments: from a technology and a host to records."""
