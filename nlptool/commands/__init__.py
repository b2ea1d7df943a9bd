"""One file a command: the pure iterator over records, and the click command that feeds it."""
