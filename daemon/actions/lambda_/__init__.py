"""Actions on Lambda."""
