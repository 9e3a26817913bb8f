"""Makes the API reference and the catalogues' pages from the contracts' descriptors."""
