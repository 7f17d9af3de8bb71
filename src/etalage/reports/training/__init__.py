"""The page of a MODEL: its training, and what it answers on the validation products."""
