"""Tests of what is generated from the contracts: the API reference and the catalogues' pages."""
