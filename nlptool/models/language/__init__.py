"""Language models: what says what comes next, from n-grams to a Transformer."""
