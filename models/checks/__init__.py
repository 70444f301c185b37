"""What models.conformance looks at."""
