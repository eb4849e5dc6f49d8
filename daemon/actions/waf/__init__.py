"""Actions on WAF."""
