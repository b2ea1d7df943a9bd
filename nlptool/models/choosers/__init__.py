"""Choosers: which of several endings goes with a text."""
