"""Turns matches into effects that happen once."""
