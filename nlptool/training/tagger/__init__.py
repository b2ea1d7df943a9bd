"""Train taggers of words."""
