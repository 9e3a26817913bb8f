"""Tests of the stored procedures and of the migration tool, against a real PostgreSQL."""
