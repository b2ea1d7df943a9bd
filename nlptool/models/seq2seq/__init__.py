"""Our own encoder–decoders."""
