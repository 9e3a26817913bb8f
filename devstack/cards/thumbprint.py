"""The digest of a public key by which approvers recognise it."""

from devstack.errors import StackError


def thumbprint_of(text: str) -> str:
    """Give the RFC 7638 SHA-256 thumbprint of a JWK, in hex as the vault shows it."""
    from vault_svc.adapters.jwe.public_keys import read_public_key
    from vault_svc.application.ports.card_envelopes import PublicKeyRefused

    try:
        return read_public_key(text).digest
    except PublicKeyRefused as refused:
        message = f"cards are not encrypted for this key: {refused}"
        raise StackError(message, "use an RSA key of 3072 bits or more, or one on P-256, P-384 or X25519") from None
