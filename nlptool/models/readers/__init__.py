"""Readers: the answer to a question in a text, and how answers are judged."""
