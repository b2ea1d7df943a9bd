"""What makes models. Nothing here knows click, records or streams."""
