"""The networks' rules about retries, as every store of payments applies them; the fake and the stored procedures."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.ports import Begun, Disposition, View
from gateway_svc.application.views import payment_of
from gateway_svc.domain.cascade_policy import UNRESTRICTED, CascadeSettings
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from gateway_svc.domain.stored_credentials import CredentialReason, Initiator, StoredCredential
from mesh.identifiers import new_id
from tests.contract.payment_stores import APPROVED, CARD, Subject, new_payment, subject
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

VISA_REATTEMPTS = 20
MASTERCARD_A_DAY = 10
DECLINED = AttemptVerdict(
    AttemptStatus.DECLINED,
    PaymentStatus.DECLINED,
    code="insufficient_funds",
    raw_code="51",
    details={"network_code": "51"},
)
STOLEN = replace(DECLINED, code="stolen_card", details={"network_code": "43"})
NEVER = replace(DECLINED, details={"network_code": "05", "advice_code": "03"})
REVOKED = replace(DECLINED, code="recurring_revoked", details={"network_code": "R1"})
STOP_RECURRING = replace(DECLINED, details={"network_code": "05", "advice_code": "21"})
MIT = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING, "483297487231504")
CIT = StoredCredential(Initiator.CUSTOMER, CredentialReason.CARD_ON_FILE)
NOT_SENT = AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.FAILED, code="psp_unavailable")
UNKNOWN = AttemptVerdict(AttemptStatus.UNKNOWN, PaymentStatus.PROCESSING, code="psp_timeout")


class Card:
    """One card of the merchant, and what is done with it."""

    def __init__(self, subject: Subject, brand: str = "visa", fingerprint: str | None = None) -> None:
        self.subject = subject
        self.brand = brand
        self.fingerprint = new_id("fpr") if fingerprint is None else fingerprint

    async def begin(self, **changes: Any) -> Begun:
        values = {"card": CARD | {"brand": self.brand}, "fingerprint": self.fingerprint} | changes
        return await self.subject.store.begin_payment(self.subject.operation(), new_payment(**values))

    async def tried(self, verdict: AttemptVerdict, **changes: Any) -> View:
        begun = await self.begin(**changes)
        assert begun.disposition is Disposition.CREATED
        assert begun.payment is not None
        return await self.recorded(begun.payment, verdict)

    async def recorded(self, payment: View, verdict: AttemptVerdict) -> View:
        last = payment["attempts"][-1]["id"]
        return await self.subject.store.record_attempt(payment["id"], last, verdict, asked=False)

    async def refusal(self, **changes: Any) -> str:
        begun = await self.begin(**changes)
        if begun.disposition is not Disposition.DECLINED:
            return ""
        assert begun.payment is not None
        return str(begun.payment["decline"]["code"])


async def test_a_payment_that_a_rule_stops_has_ended_without_an_attempt(subject: Subject) -> None:
    card = Card(subject)
    await card.tried(STOLEN)
    operation, new = subject.operation(), new_payment(fingerprint=card.fingerprint)
    begun = await subject.store.begin_payment(operation, new)
    assert (begun.disposition, begun.answer) == (Disposition.DECLINED, begun.payment)
    view = await subject.store.get_payment(subject.merchant_id, new.id)
    assert view == begun.payment
    assert (view["status"], view["attempts"], view["seq"]) == ("DECLINED", [], 2)
    assert view["decline"] == {"code": "do_not_retry", "raw_code": ""}
    assert payment_of(await subject.store.load_payment(new.id)).attempts == ()
    again = await subject.store.begin_payment(operation, new_payment())
    assert (again.disposition, again.answer) == (Disposition.REPLAYED, view)
    assert (await subject.store.find_operation(operation)).answer == view


async def test_visa_allows_20_reattempts_that_no_approval_has_followed(subject: Subject) -> None:
    card = Card(subject)
    for _ in range(1 + VISA_REATTEMPTS):
        await card.tried(DECLINED)
    assert await card.refusal() == "retry_limit_reached"
    assert await card.refusal(amount=7) == "retry_limit_reached"
    other = Card(subject)
    for _ in range(3):
        for _ in range(VISA_REATTEMPTS):
            await other.tried(DECLINED)
        await other.tried(APPROVED)
    assert await other.refusal() == ""


async def test_mastercard_allows_10_declined_attempts_a_day(subject: Subject) -> None:
    card = Card(subject, "mastercard")
    await card.tried(APPROVED)
    for number in range(MASTERCARD_A_DAY):
        await card.tried(DECLINED, amount=100 + number)
        if number == 5:
            await card.tried(APPROVED)
    assert await card.refusal() == "retry_limit_reached"


async def test_who_must_never_be_tried_again_is_not(subject: Subject) -> None:
    visa, mastercard, amex = Card(subject), Card(subject, "mastercard"), Card(subject, "amex")
    await visa.tried(STOLEN)
    await mastercard.tried(NEVER)
    await amex.tried(STOLEN)
    assert [await card.refusal() for card in (visa, mastercard, amex)] == ["do_not_retry", "do_not_retry", ""]
    assert await visa.refusal(stored_credential=MIT) == "do_not_retry"
    assert await Card(subject).refusal() == ""
    foreign = replace(subject.operation(), merchant_id=subject.foreign_id)
    begun = await subject.store.begin_payment(foreign, new_payment(fingerprint=visa.fingerprint))
    assert begun.disposition is Disposition.CREATED


async def test_an_ended_agreement_stops_what_the_merchant_starts(subject: Subject) -> None:
    visa, mastercard = Card(subject), Card(subject, "mastercard")
    await visa.tried(REVOKED)
    await mastercard.tried(STOP_RECURRING)
    for card in (visa, mastercard):
        assert await card.refusal() == await card.refusal(stored_credential=CIT) == ""
        assert await card.refusal(stored_credential=MIT) == "do_not_retry"


async def test_a_card_without_a_fingerprint_is_known_by_its_token(subject: Subject) -> None:
    card, token = Card(subject, fingerprint=""), new_id("tok")
    await card.tried(STOLEN, token=token)
    assert await card.refusal(token=token) == "do_not_retry"
    assert await card.refusal() == ""


async def test_what_was_not_sent_counts_nowhere_and_what_is_not_known_counts(subject: Subject) -> None:
    card = Card(subject)
    await card.tried(DECLINED)
    for _ in range(VISA_REATTEMPTS):
        await card.tried(NOT_SENT)
        await card.tried(UNKNOWN)
    assert await card.refusal() == "retry_limit_reached"


@pytest.mark.parametrize(
    ("verdict", "code"), [(STOLEN, "do_not_retry"), (DECLINED, "retry_limit_reached")], ids=["never", "limit"]
)
async def test_a_cascade_that_a_rule_stops_ends_its_payment(
    subject: Subject, verdict: AttemptVerdict, code: str
) -> None:
    card, operation = Card(subject), subject.operation()
    begun = await subject.store.begin_payment(operation, new_payment(fingerprint=card.fingerprint))
    assert begun.payment is not None
    moving_on = replace(DECLINED, payment_status=PaymentStatus.PROCESSING)
    payment = await card.recorded(begun.payment, moving_on)
    for _ in range(1 if verdict is STOLEN else VISA_REATTEMPTS):
        await card.tried(verdict)
    started, view = await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
    assert not started
    assert (view["status"], view["decline"]["code"], len(view["attempts"])) == ("DECLINED", code, 1)
    assert view["seq"] == payment["seq"] + 1
    assert await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second") == (False, view)
    assert (await subject.store.find_operation(operation)).answer == view


async def test_payments_at_once_with_one_card_are_counted_one_by_one(subject: Subject) -> None:
    card = Card(subject)
    await card.tried(DECLINED)
    begun = await asyncio.gather(*(card.begin() for _ in range(50)))
    counted = Counter(one.disposition for one in begun)
    assert counted == {Disposition.CREATED: VISA_REATTEMPTS, Disposition.DECLINED: 50 - VISA_REATTEMPTS}


async def test_a_first_try_of_a_card_that_nobody_declined_is_never_held_back(subject: Subject) -> None:
    for brand in ("visa", "mastercard"):
        card = Card(subject, brand)
        begun = await asyncio.gather(*(card.begin() for _ in range(40)))
        assert {one.disposition for one in begun} == {Disposition.CREATED}


async def test_a_merchants_settings_are_taken_over_when_a_payment_begins(subject: Subject) -> None:
    before = await subject.begun()
    cascade = {"codes": ["do_not_honor"], "classes": ["T"], "max_attempts": 1}
    await subject.narrow(cascade)
    after = await subject.begun()
    assert (before["cascade"], after["cascade"]) == ({}, cascade)
    settings = payment_of(await subject.store.load_payment(after["id"])).cascade
    assert settings == CascadeSettings(codes=frozenset({"do_not_honor"}), classes=frozenset({"T"}), max_attempts=1)
    assert payment_of(await subject.store.load_payment(before["id"])).cascade == UNRESTRICTED
    assert payment_of(after).brand == "visa"
    assert payment_of(after).begun_us == after["created_us"]
