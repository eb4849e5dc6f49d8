"""Where alerts go, one service a file."""
