"""Networks that were fine-tuned: an encoder with heads, one for each task."""
