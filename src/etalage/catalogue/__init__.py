"""What the shop sells: BSON files, the index over them, taxonomy, duplicates, splits."""
