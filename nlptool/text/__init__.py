"""Scripts and characters of texts."""
