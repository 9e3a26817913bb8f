"""Tells whether two of a merchant's tokens stand for the same card number, without telling which number."""

import hmac

from vault_svc.domain.sealing import frame
from vault_svc.domain.secret_values import CardNumber, SecretKey
from vault_svc.domain.token import MerchantId


def fingerprint_of(key: SecretKey, merchant_id: MerchantId, number: CardNumber) -> bytes:
    """Give 32 bytes that are equal for equal numbers of one merchant and unrelated for two merchants.

    The expiry is left out, so that a card reissued with the same number keeps its fingerprint.
    """
    return hmac.digest(key.reveal(), frame(merchant_id.encode(), number.reveal().encode("ascii")), "sha256")
