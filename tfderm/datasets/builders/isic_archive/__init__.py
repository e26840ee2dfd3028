"""Builder, description, tags and citation."""
