"""What a card is, when it is acceptable, and what its ciphertext is bound to; pure."""
