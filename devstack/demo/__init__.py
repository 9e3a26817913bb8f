"""The demonstration: a scripted story of payments through REST."""
