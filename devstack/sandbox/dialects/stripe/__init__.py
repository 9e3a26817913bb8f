"""Stripe's API (version 2024-04-10) as a dialect of the sandbox PSP."""
