"""Bytes on this disk: compression, output files, temporary files, folders, the cache, .npy, safetensors."""
