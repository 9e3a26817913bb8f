"""BIN tables from files."""
