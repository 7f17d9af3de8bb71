"""Several predictions made one, and what the catalogue itself remembers."""
