"""JSON Web Encryption (RFC 7516) with joserfc."""
