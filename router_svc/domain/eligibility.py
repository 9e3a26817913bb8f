"""Which accounts may take a payment, and what keeps the others from it."""

from collections.abc import Iterable, Mapping
from typing import Final

from router_svc.domain.facts import AccountFacts, Initiator, PaymentFacts, ThreeDs

#: What a connector has to pass on, in the connectors' words, for payments that would be other payments without it.
EXTERNAL_THREE_DS: Final = "external_three_ds"
STORED_CREDENTIAL: Final = "stored_credential"
CHALLENGE: Final = "challenge"


def obstacles(facts: PaymentFacts, accounts: Iterable[AccountFacts]) -> Mapping[str, str]:
    """Give the accounts that may not take the payment, each with the first reason why not, in half a sentence."""
    found = ((account.account, obstacle(facts, account)) for account in accounts)
    return {account: reason for account, reason in found if reason}


def obstacle(facts: PaymentFacts, account: AccountFacts) -> str:
    """Say what keeps an account from taking a payment; empty when nothing does.

    A fact that is not known is no member of any set: an account for certain brands or issuer countries only takes no
    card whose brand or country nobody knows.
    """
    if account.disabled:
        return "disabled"
    if account.methods and facts.method not in account.methods:
        return f"does not take {facts.method or 'payments without a method'}"
    if account.currencies and facts.currency not in account.currencies:
        return f"does not take {facts.currency}"
    return _card(facts, account) or _limit(facts, account) or _feature(facts, account)


def challenge_obstacles(facts: PaymentFacts, accounts: Iterable[AccountFacts]) -> Mapping[str, str]:
    """Give the accounts that can't take the payment when its rule requires 3-D Secure, each with the reason.

    A payment that brings an authentication along, or that the merchant starts, is not authenticated again.
    """
    if facts.three_ds is not ThreeDs.NONE or facts.initiator is Initiator.MERCHANT:
        return {}
    reason = "can't bring shoppers through the 3-D Secure that the rule requires"
    return {account.account: reason for account in accounts if not can_challenge(account)}


def can_challenge(account: AccountFacts) -> bool:
    """Tell whether shoppers can be brought through 3-D Secure there, or nothing is known against it."""
    return not account.features or CHALLENGE in account.features


def _card(facts: PaymentFacts, account: AccountFacts) -> str:
    if account.brands and facts.brand not in account.brands:
        if not facts.brand:
            return f"takes {_listed(account.brands)} only, and the card's brand is not known"
        return f"does not take {facts.brand}" if facts.brand != "unknown" else "does not take cards of an unknown brand"
    if account.issuer_countries and facts.issuer_country not in account.issuer_countries:
        if not facts.issuer_country:
            return f"takes cards from {_listed(account.issuer_countries)} only, and the card's country is not known"
        return f"does not take cards from {facts.issuer_country}"
    return ""


def _limit(facts: PaymentFacts, account: AccountFacts) -> str:
    if facts.currency not in account.limits:
        return ""
    smallest, largest = account.limits[facts.currency]
    if facts.amount < smallest:
        return f"takes no less than {smallest} {facts.currency} in minor units"
    if facts.amount > largest:
        return f"takes no more than {largest} {facts.currency} in minor units"
    return ""


def _feature(facts: PaymentFacts, account: AccountFacts) -> str:
    if not account.features:
        return ""
    if facts.three_ds is ThreeDs.EXTERNAL and EXTERNAL_THREE_DS not in account.features:
        return "does not take 3-D Secure data of another provider"
    if facts.initiator is Initiator.MERCHANT and STORED_CREDENTIAL not in account.features:
        return "does not take payments that the merchant starts"
    return ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
