"""Feature extractors, one family per file."""
