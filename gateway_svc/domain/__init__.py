"""The pure payment core: no input or output, no clock, no randomness."""
