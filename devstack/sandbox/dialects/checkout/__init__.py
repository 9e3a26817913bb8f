"""Checkout.com's wire API over the sandbox's books."""
