"""Train classifiers of texts and of pairs of texts."""
