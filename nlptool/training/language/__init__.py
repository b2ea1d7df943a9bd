"""The training of language models."""
