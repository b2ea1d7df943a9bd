"""Training of models. Nothing here knows click, records or streams."""
