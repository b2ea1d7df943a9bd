"""Structural probes: trees that are read out of the vectors of words."""
