"""The memory that outlives the process."""
