"""The connector of Adyen (Checkout API v72 and standard webhooks)."""
