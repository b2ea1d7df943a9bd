"""Trainings, from the records of a corpus to a folder."""
