"""What the panels do, without a widget in sight: state as traits, work in threads."""
