"""The sandbox PSP's own API."""
