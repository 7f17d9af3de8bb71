"""Étalage: pictures of products in, categories and look-alikes out."""
