"""The page of a plan: what a precision costs."""
