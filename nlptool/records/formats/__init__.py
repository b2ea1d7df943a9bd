"""Formats that records are written in."""
