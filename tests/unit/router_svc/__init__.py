"""Tests of the router without a database or a network."""
