"""Actions on KMS."""
