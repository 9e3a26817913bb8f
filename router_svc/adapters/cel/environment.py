"""The variables of conditions, and how a payment's facts become their values."""

import time
from collections.abc import Mapping
from typing import Any, Final

from cel_expr_python import cel

from router_svc.domain.facts import PaymentFacts

TEXT_VARIABLES: Final = (
    "currency",
    "method",
    "brand",
    "bin",
    "funding",
    "issuer_country",
    "initiator",
    "three_ds",
)
VARIABLES: Final = ("amount", *TEXT_VARIABLES, "metadata", "at")


def new_environment() -> cel.Env:
    """Declare the variables of conditions: the facts of a payment, with their types."""
    kind = cel.Type
    return cel.NewEnv(
        variables={
            "amount": kind.INT,
            **dict.fromkeys(TEXT_VARIABLES, kind.STRING),
            "metadata": kind.Map(kind.STRING, kind.STRING),
            "at": kind.TIMESTAMP,
        }
    )


def let_others_go_on() -> None:
    """Let go of the interpreter, which CEL keeps while it compiles: payments are routed in another thread."""
    time.sleep(0)


def values_of(facts: PaymentFacts) -> Mapping[str, Any]:
    """Give the variables' values for a payment."""
    return {
        "amount": facts.amount,
        "currency": facts.currency,
        "method": facts.method,
        "brand": facts.brand,
        "bin": facts.bin,
        "funding": facts.funding,
        "issuer_country": facts.issuer_country,
        "initiator": facts.initiator.value,
        "three_ds": facts.three_ds.value,
        "metadata": dict(facts.metadata),
        "at": facts.at,
    }
