"""The connector of the sandbox PSP."""
