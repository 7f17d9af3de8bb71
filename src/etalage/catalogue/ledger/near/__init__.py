"""Near duplicates: one picture encoded anew or in another size, found without a model."""
