"""Actions on EventBridge."""
