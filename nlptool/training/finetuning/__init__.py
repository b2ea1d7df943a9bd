"""Fine-tuning of an encoder with new heads, whatever they say of its texts."""
