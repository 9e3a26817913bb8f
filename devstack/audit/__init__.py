"""`payera audit`: who had which card, and proof that nobody has changed what is written about it."""
