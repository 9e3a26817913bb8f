"""The topic of payments' events as routers read it."""
