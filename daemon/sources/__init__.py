"""Where deliveries come from, one service a file."""
