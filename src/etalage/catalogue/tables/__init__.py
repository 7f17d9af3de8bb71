"""Parts of a catalogue in tables, from wherever they come, and the INDEX made of them."""
