"""What operators do about outcomes that nobody could tell: `payera reviews`."""
