"""Training of structural probes."""
