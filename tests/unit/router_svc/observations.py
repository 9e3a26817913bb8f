"""Observations, payments and accounts for the tests of learning."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.observation import Observation, Taught

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def at_ms(seconds: float) -> int:
    return round(after(seconds).timestamp() * 1_000)


def seen(number: int, taught: Taught = Taught.APPROVED, seconds: float | None = None, **changes: Any) -> Observation:
    """Make an observation of payment `number`, by default as many seconds after the beginning."""
    values: dict[str, Any] = {
        "merchant_id": "m",
        "account": "alpha",
        "payment_id": f"p{number}",
        "ordinal": 1,
        "taught": taught,
        "at": after(number if seconds is None else seconds),
        "currency": "EUR",
        "brand": "visa",
        "funding": "credit",
        "issuer_country": "FR",
        "bin": "424242",
    }
    return Observation(**{**values, **changes})


def payment(number: int = 0, seconds: float = 0, **changes: Any) -> PaymentFacts:
    values: dict[str, Any] = {
        "merchant_id": "m",
        "payment_id": f"q{number}",
        "amount": 10_000,
        "currency": "EUR",
        "at": after(seconds),
        "brand": "visa",
        "bin": "424242",
        "funding": "credit",
        "issuer_country": "FR",
    }
    return PaymentFacts(**{**values, **changes})


def account(name: str, **changes: Any) -> AccountFacts:
    return AccountFacts(name, changes.pop("connector", name), **changes)


def observations(accounts: tuple[str, ...] = ("alpha", "beta")) -> st.SearchStrategy[Observation]:
    """Any observation, within a few merchants, payments and days, so that they meet."""
    return st.builds(
        Observation,
        merchant_id=st.sampled_from(["m", "n"]),
        account=st.sampled_from(accounts),
        payment_id=st.integers(0, 40).map(lambda number: f"p{number}"),
        ordinal=st.integers(1, 3),
        taught=st.sampled_from(Taught),
        at=st.integers(0, 40 * 86_400).map(after),
        currency=st.sampled_from(["EUR", "USD"]),
        brand=st.sampled_from(["visa", ""]),
        funding=st.sampled_from(["credit", ""]),
        issuer_country=st.sampled_from(["FR", ""]),
        bin=st.sampled_from(["424242", "42424242", ""]),
    )
