"""Which declines may be tried at another PSP at once. Data, from the networks' response codes and retry rules."""

from enum import StrEnum


class Cascade(StrEnum):
    """How often a declined payment may move on to another PSP account because of one code."""

    NEVER = "NEVER"
    ONCE = "ONCE"
    ALWAYS = "ALWAYS"


MAX_ATTEMPTS = 4

# Codes that are not named here never cascade: the safe side for a code nobody has judged yet.
CASCADE_BY_CODE: dict[str, Cascade] = {
    # The fault is the acquirer's or the PSP's own; the issuer never judged the payment.
    "merchant_configuration": Cascade.ALWAYS,
    "issuer_technical_error": Cascade.ALWAYS,
    "issuer_unavailable": Cascade.ALWAYS,
    "reenter_transaction": Cascade.ALWAYS,
    "invalid_request": Cascade.ALWAYS,
    "psp_unavailable": Cascade.ALWAYS,
    "currency_not_supported": Cascade.ALWAYS,
    "card_not_supported": Cascade.ALWAYS,
    # The issuer refused without a reason; another acquirer may be judged otherwise, once.
    "do_not_honor": Cascade.ONCE,
    "generic_decline": Cascade.ONCE,
    "issuer_not_found": Cascade.ONCE,
    "invalid_transaction": Cascade.ONCE,
}


def may_cascade(codes: tuple[str, ...]) -> bool:
    """Tell whether a payment declined with ``codes``, oldest first, may be tried at another PSP account now.

    The last code decides; a code that allows one cascade allows none when it has come before.
    """
    if not codes or len(codes) >= MAX_ATTEMPTS:
        return False
    policy = CASCADE_BY_CODE.get(codes[-1], Cascade.NEVER)
    if policy is Cascade.ONCE:
        single = [code for code in codes if CASCADE_BY_CODE.get(code) is Cascade.ONCE]
        return len(single) == 1
    return policy is Cascade.ALWAYS
