"""Files of word vectors, read and written."""
