"""The forms products are exported in."""
