"""How right answers are: against a truth, in every view that a catalogue team asks for."""
