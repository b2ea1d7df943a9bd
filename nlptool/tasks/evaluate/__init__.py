"""Evaluations: records and gold data in, scores out."""
