"""Reading BSON files in place: walked, compiled, in stretches, nothing believed."""
