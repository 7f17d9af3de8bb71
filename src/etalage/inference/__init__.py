"""From a catalogue and a model to predictions, and from loose pictures to an answer."""
