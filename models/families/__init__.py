"""Model families: one folder each, named only in the registry table."""
