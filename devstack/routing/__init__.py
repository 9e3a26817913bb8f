"""The routing lab: plays described worlds through the router's own scoring, learning and health code."""
