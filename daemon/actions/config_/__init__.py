"""Actions on AWS Config."""
