"""Rendered data sets that need no download. Everything made here is synthetic and says so."""
