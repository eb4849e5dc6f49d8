"""Actions on IAM.  IAM is one for all regions: its events come from us-east-1, which `estate.regions` must have."""
