"""The gateway: payments, their state machine, and the drivers that carry it out."""
