"""The training of deep autoencoders: layer by layer, then as a whole."""
