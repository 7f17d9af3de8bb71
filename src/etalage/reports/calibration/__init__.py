"""The page of a calibration: whether probabilities can be believed, before and after."""
