"""Masked language models: BERT and its kin."""
