"""The one place from which requests leave for PSPs."""
