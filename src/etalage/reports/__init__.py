"""Pages about artefacts: one self-contained HTML file each, and the same numbers as JSON."""

from etalage.reports.make import report

__all__ = ["report"]
