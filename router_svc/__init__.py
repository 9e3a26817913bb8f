"""The router: which PSP accounts a payment goes to, in which order, and why."""
