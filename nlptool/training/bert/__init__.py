"""Pre-training of a BERT."""
