"""Encoder-decoders of nlptool's own."""
