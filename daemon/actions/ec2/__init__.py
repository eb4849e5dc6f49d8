"""Actions on EC2."""
