"""Benchmarks pay many times with one card, which its first payment has to store."""

from collections.abc import Mapping
from typing import Any

import pytest

from devstack.bench import loads
from devstack.errors import StackError
from devstack.rest import Answer, Rest
from devstack.seed import TEST_CARD


class ScriptedRest(Rest):
    """Answers a payment with `status`, and reads the token as permanent from the `kept_at`th time on."""

    def __init__(self, status: str = "AUTHORIZED", kept_at: int = 1) -> None:
        super().__init__("http://127.0.0.1:1", "sk_test")
        self.status = status
        self.kept_at = kept_at
        self.reads = 0
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    def post(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None = None, money: bool = True
    ) -> Answer:
        assert idempotency_key is None
        assert money is (path == "/v1/payments")
        self.sent.append((path, body))
        answer = {"id": "tok_1"} if path == "/v1/tokens" else {"id": "pay_1", "status": self.status}
        return Answer(200, {}, answer)

    def get(self, path: str) -> Answer:
        assert path == "/v1/tokens/tok_1"
        self.reads += 1
        return Answer(200, {}, {"usage": "PERMANENT" if self.reads >= self.kept_at else "SINGLE_USE"})


def test_the_first_payment_stores_the_card_and_the_vault_is_waited_for() -> None:
    rest = ScriptedRest(kept_at=3)
    assert loads.stored_token(rest) == "tok_1"
    assert rest.reads == 3
    [(_, card), (_, payment)] = rest.sent
    assert card == {"card": TEST_CARD}
    assert (payment["token"], payment["store_card"]) == ("tok_1", True)


def test_a_card_that_could_not_be_stored_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StackError, match="is DECLINED, not AUTHORIZED"):
        loads.stored_token(ScriptedRest("DECLINED"))
    monkeypatch.setattr(loads, "KEPT_SECONDS", 0.0)
    with pytest.raises(StackError, match="does not keep the card of pay_1"):
        loads.stored_token(ScriptedRest(kept_at=1000))
