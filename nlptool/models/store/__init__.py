"""Where models are kept: found, fetched, listed, converted."""
