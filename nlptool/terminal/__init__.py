"""What a person sees on a terminal: progress, tables; and Ctrl-C."""
