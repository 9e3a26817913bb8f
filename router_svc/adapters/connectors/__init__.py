"""What the PSP connectors tell of the accounts that payments can go to."""
