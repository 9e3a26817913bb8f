"""The connector of Checkout.com."""
