"""Models that generate texts."""
