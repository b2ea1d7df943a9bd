"""Geometry of vectors: similarity, nearest neighbours, index, projection, RSA, correlation."""
