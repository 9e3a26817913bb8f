"""The seal of credentials at rest."""
