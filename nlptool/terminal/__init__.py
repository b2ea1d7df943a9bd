"""The terminal: progress bars, tables, Ctrl-C."""
