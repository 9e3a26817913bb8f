"""The structure itself under test."""
