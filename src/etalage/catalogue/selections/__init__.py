"""Indexes from indexes, without copying an image."""
