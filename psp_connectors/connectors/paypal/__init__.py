"""The connector of PayPal: cards over Orders v2 and Payments v2."""
