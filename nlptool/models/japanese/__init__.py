"""Japanese words: MeCab, its dictionaries, readings."""
