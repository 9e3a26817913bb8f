"""`payera keys`: the vault's keys and their rotation."""
