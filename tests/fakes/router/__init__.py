"""Ports of the router in memory."""
