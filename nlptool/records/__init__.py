"""Bytes to records and back: parsing, the pipe, workers, formats."""
