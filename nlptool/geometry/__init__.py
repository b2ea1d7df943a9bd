"""Vectors as points: similarity, top-k, index, projection, RSA, correlation."""
