"""Training of encoder–decoders."""
