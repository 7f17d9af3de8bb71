"""Images of a listing become the parts of an INDEX."""
