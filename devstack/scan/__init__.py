"""`payera scan`: searches everything the stack keeps for card numbers and codes where they must not be."""
