"""How accounts are ranked for a payment; pure."""
