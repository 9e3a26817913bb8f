"""Conditions in CEL, with Google's own implementation of the language."""
