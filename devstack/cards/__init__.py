"""Cards between vaults, as encrypted files: `payera cards`."""
