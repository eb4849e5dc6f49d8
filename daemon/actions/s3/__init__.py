"""Actions on S3."""
