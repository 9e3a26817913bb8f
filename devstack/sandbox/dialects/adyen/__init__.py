"""Adyen's wire API over the sandbox's books: Checkout API v72 and standard webhooks."""
