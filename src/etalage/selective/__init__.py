"""Which answers may be used unseen: thresholds with a promise, back-off, and what is left."""
