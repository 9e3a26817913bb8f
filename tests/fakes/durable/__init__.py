"""Fakes of what the durable driver needs: a store that keeps the procedures' rules, PSPs that do as told."""
