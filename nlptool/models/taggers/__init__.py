"""Taggers: a tag for each word, or entities as spans of words."""
