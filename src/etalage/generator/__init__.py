"""Generates a catalogue with the statistics of a real one, for demonstrations and tests."""

from etalage.generator.generate import synth
from etalage.generator.statistics import SynthReport

__all__ = ["SynthReport", "synth"]
