"""One folder per PSP, each two pure functions and its data."""
