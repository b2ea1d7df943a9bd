"""Deep autoencoders whose innermost layer is a code of a text."""
