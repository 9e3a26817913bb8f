"""Tests of the vault without a database or a network."""
