"""What runs a network: devices, onnxruntime, batches, tokenizers."""
