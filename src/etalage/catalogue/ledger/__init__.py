"""What is copied in a catalogue, byte by byte or nearly, and which labels it puts in question."""
