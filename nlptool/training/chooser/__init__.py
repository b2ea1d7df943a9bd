"""Choosers: the loss of choices of which one is right."""
