"""Tests of Payera."""
