"""The connector of Stripe, API version 2024-04-10."""
