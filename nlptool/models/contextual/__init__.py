"""Vectors of tokens in their context: the hidden states of a Transformer that reads."""
