"""Actions on CloudTrail."""
