"""One file a model family. Heavy imports live here; no click, no JSON, no streams, no printing."""
