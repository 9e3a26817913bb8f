"""PayPal's wire API for cards: Orders v2, Payments v2, tokens, and webhooks with PayPal's certificate scheme."""
