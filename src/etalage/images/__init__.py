"""Bytes to pixels and back: headers, decoding, encoding; nothing here knows of products."""
