"""Models that say how probable a text is, of every kind."""
