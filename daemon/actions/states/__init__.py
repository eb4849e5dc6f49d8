"""Actions on Step Functions."""
