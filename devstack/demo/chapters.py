"""The chapters of the demonstration: what a merchant sends, and what is worth seeing in the answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from devstack.errors import StackError
from devstack.rest import Answer, Rest, expect_ok

APPROVED_CARD: Final = "4242424242424242"
INSUFFICIENT_FUNDS_CARD: Final = "4000000000009995"
#: Magic amounts of the sandbox, see docs/sandbox.md.
DECLINED_AT_FIRST_ACCOUNT: Final = 410_105
TIMEOUT_THEN_SUCCESS: Final = 400_903


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as the merchant sees it: what was sent, and the answer."""

    request: str
    body: dict[str, Any]
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter: a title, what to watch for, the calls, and the event it ends with.

    The payment it is about is the last one created.
    """

    title: str
    watch: str
    play: Callable[["Merchant"], str]
    last_event: str = "payment succeeded"


class Merchant:
    """A merchant who makes calls and shows each of them."""

    def __init__(self, rest: Rest, clock: Callable[[], float], show: Callable[[Exchange], None]) -> None:
        self._rest = rest
        self._clock = clock
        self._show = show

    def token(self, number: str) -> str:
        """Turn a test card into a token; the number goes to the vault and nowhere else."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        answer = self._rest.post("/v1/tokens", {"card": card}, money=False)
        return str(expect_ok(answer, "creating a token")["id"])

    def pay(self, number: str, amount: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Create a payment."""
        body = {"amount": {"value": amount, "currency": "EUR"}, "token": self.token(number), **fields}
        return self.call("/v1/payments", body)

    def read(self, path: str) -> dict[str, Any]:
        """Read something, without showing it."""
        return expect_ok(self._rest.get(path), f"GET {path}")

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make one call that moves money, and show it."""
        begun = self._clock()
        answer = self._rest.post(path, body)
        self._show(Exchange(f"POST {path}", body, answer, self._clock() - begun))
        return expect_ok(answer, f"POST {path}")


def chapters() -> Iterator[Chapter]:
    """Yield the story's chapters in order."""
    yield Chapter("An approval", "status SUCCEEDED, one attempt", _approval)
    yield Chapter(
        "A decline", "an ordinary answer: status DECLINED with a normalised code", _decline, "payment declined"
    )
    yield Chapter(
        "A cascade", "the first PSP account declines, the second approves; the merchant sees one payment", _cascade
    )
    yield Chapter(
        "A timeout, resolved",
        "the PSP charges and never answers; Payera asks it instead of guessing, and charges once",
        _timeout,
    )
    yield Chapter("A partial capture", "60.00 of 100.00 captured, the rest released", _partial_capture)
    yield Chapter("A refund", "a part of the captured money goes back", _refund, "refund succeeded")


def _approval(merchant: Merchant) -> str:
    return _expect(merchant.pay(APPROVED_CARD, 1000), "SUCCEEDED")


def _decline(merchant: Merchant) -> str:
    return _expect(merchant.pay(INSUFFICIENT_FUNDS_CARD, 1000), "DECLINED")


def _cascade(merchant: Merchant) -> str:
    return _expect(merchant.pay(APPROVED_CARD, DECLINED_AT_FIRST_ACCOUNT), "SUCCEEDED")


def _timeout(merchant: Merchant) -> str:
    return _expect(merchant.pay(APPROVED_CARD, TIMEOUT_THEN_SUCCESS), "SUCCEEDED")


def _partial_capture(merchant: Merchant) -> str:
    payment = merchant.pay(APPROVED_CARD, 10_000, capture_method="MANUAL")
    _expect(payment, "AUTHORIZED")
    return _expect(merchant.call(f"/v1/payments/{payment['id']}:capture", {"amount": 6_000}), "SUCCEEDED")


def _refund(merchant: Merchant) -> str:
    payment = merchant.pay(APPROVED_CARD, 5_000)
    _expect(payment, "SUCCEEDED")
    refund = merchant.call(f"/v1/payments/{payment['id']}/refunds", {"amount": 2_000, "reason": "one item returned"})
    _expect(refund, "SUCCEEDED")
    return str(payment["id"])


def _expect(resource: dict[str, Any], status: str) -> str:
    if resource["status"] != status:
        message = f"{resource['id']} is {resource['status']}, the story wants {status}"
        raise StackError(message, "see why: payera logs gateway, payera logs worker, payera logs connectors")
    return str(resource["id"])
