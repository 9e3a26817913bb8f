"""Keys from a file, for development."""
