"""Tasks: records and an opened model in, records out."""
