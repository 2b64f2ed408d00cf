"""Figures, tables and the HTML report, all drawn from one record document."""
