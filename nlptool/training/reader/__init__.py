"""Readers: the loss of the start and the end of an answer."""
