from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.sandbox import books as module
from devstack.sandbox.books import (
    Books,
    ChargeUnknown,
    DecisionRefused,
    KeyReused,
    OperationType,
    Order,
    Record,
    ReferenceInUse,
    State,
    TooManyOperations,
    Waiting,
)
from devstack.sandbox.ledger import Line
from devstack.sandbox.magic import APPROVED, Verdict

DECLINED = Verdict(network_code="05")


class Rig:
    def __init__(self) -> None:
        self.written: list[Line] = []
        self.books = Books("a", self.written.append)
        self.count = 0

    def do(self, type_: OperationType, charge: str = "", amount: int = 0, **fields: Any) -> Record:
        self.count += 1
        values = {
            "reference": f"r{self.count}",
            "key": f"k{self.count}",
            "request_digest": "d",
            "verdict": APPROVED,
            "currency": "EUR",
        }
        return self.books.perform(Order(type=type_, charge=charge, amount=amount, **{**values, **fields}))

    def authorize(self, amount: int = 1000, **fields: Any) -> str:
        return self.do(OperationType.AUTHORIZE, amount=amount, **fields).id


MODIFICATIONS = [OperationType.CAPTURE, OperationType.VOID, OperationType.REFUND]
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(MODIFICATIONS), st.integers(1, 1200), st.booleans(), st.booleans(), st.booleans()),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(operations=OPERATIONS, capture=st.booleans())
def test_no_order_of_operations_breaks_the_rules(operations: list[Any], capture: bool) -> None:
    rig = Rig()
    charge_id = rig.authorize(capture=capture)
    for type_, amount, final, approved, foreign in operations:
        charge = rig.books.charge(charge_id)
        before = (charge.authorized, charge.captured, charge.refunded, charge.voided, charge.closed)
        record = rig.do(
            type_,
            charge_id,
            amount,
            final=final,
            verdict=APPROVED if approved else DECLINED,
            currency="USD" if foreign else "EUR",
        )
        after = (charge.authorized, charge.captured, charge.refunded, charge.voided, charge.closed)
        assert 0 <= charge.refunded <= charge.captured <= charge.authorized == 1000
        assert not (charge.voided and charge.captured)
        if not record.verdict.approved:
            assert after == before
        else:
            assert approved
            assert type_ is OperationType.VOID or not foreign
    assert all(entry.money_moves == entry.record.verdict.approved for entry in charge_entries(rig, charge_id))


def charge_entries(rig: Rig, charge_id: str) -> list[module.Entry]:
    return rig.books.charge(charge_id).entries


@settings(max_examples=100, deadline=None)
@given(operations=OPERATIONS)
def test_books_follow_from_the_records_alone(operations: list[Any]) -> None:
    rig = Rig()
    charge_id = rig.authorize()
    for type_, amount, final, approved, _ in operations:
        rig.do(type_, charge_id, amount, final=final, verdict=APPROVED if approved else DECLINED)
    restored = Books("a", lambda _: None)
    for record in rig.written:
        restored.restore(record)
    assert list(restored.charges()) == list(rig.books.charges())
    for record in rig.written:
        assert isinstance(record, Record)
        assert restored.replay(record.key, "d") == record


def test_a_record_is_written_before_it_takes_effect() -> None:
    def refuse(_: Line) -> None:
        raise OSError(28, "no space")

    books = Books("a", refuse)
    order = Order(
        type=OperationType.AUTHORIZE,
        reference="r",
        key="k",
        request_digest="d",
        verdict=APPROVED,
        amount=1,
        currency="EUR",
    )
    with pytest.raises(OSError, match="no space"):
        books.perform(order)
    assert list(books.charges()) == []
    assert books.replay("k", "d") is None


def test_keys_and_references_are_unique() -> None:
    rig = Rig()
    record = rig.do(OperationType.AUTHORIZE, amount=1, reference="r", key="k", request_digest="d1")
    assert rig.books.replay("k", "d1") is record
    with pytest.raises(KeyReused):
        rig.books.replay("k", "d2")
    with pytest.raises(ReferenceInUse):
        rig.do(OperationType.AUTHORIZE, amount=1, reference="r")
    refund = rig.do(OperationType.CAPTURE, record.id, 1, reference="r")
    assert refund.verdict.approved, "the same reference is free for another type"


def test_unknown_charge() -> None:
    with pytest.raises(ChargeUnknown):
        Rig().do(OperationType.CAPTURE, "ch_none", 1)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARGES", 3)
    monkeypatch.setattr(module, "MOST_ENTRIES_OF_CHARGE", 2)
    monkeypatch.setattr(module, "MOST_OPERATIONS", 4)
    rig = Rig()
    first = rig.authorize(reference="first", key="first")
    rig.do(OperationType.CAPTURE, first, 1)
    with pytest.raises(TooManyOperations):
        rig.do(OperationType.CAPTURE, first, 1)
    for _ in range(3):
        rig.authorize()
    assert len(list(rig.books.charges())) == 3
    assert rig.books.forgotten == 1
    assert rig.books.replay("first", "d") is None
    assert rig.books.find(OperationType.AUTHORIZE, "first") is None
    for number in range(6):
        rig.books.request_came("authorize", f"r{number}")
    assert rig.books.requests_of("authorize", "r0") == 0
    assert rig.books.requests_of("authorize", "r5") == 1


def test_late_response_is_a_decline_that_the_books_explain_differently() -> None:
    late = Verdict(network_code="68")
    assert not late.approved
    assert late.later == Verdict(network_code="91")
    assert DECLINED.later is DECLINED


class Waitings:
    """A charge of 1000 whose operations are acknowledged first."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.charge_id = self.rig.authorize()

    @property
    def books(self) -> Books:
        return self.rig.books

    @property
    def charge(self) -> module.Charge:
        return self.books.charge(self.charge_id)

    def ask(self, type_: OperationType, amount: int = 0, **fields: Any) -> Record:
        return self.rig.do(type_, self.charge_id, amount, waiting=Waiting.PSP, **fields)

    def state(self, record: Record) -> State:
        return self.charge.entry(record.id).state


def test_what_is_acknowledged_moves_money_when_it_is_decided() -> None:
    waiting = Waitings()
    capture = waiting.ask(OperationType.CAPTURE, 600)
    assert (waiting.state(capture), waiting.charge.captured) == (State.PENDING, 0)
    assert waiting.books.pending() == [waiting.charge.entry(capture.id)]
    much = waiting.rig.do(OperationType.CAPTURE, waiting.charge_id, 401)
    assert much.reason == "amount_exceeds_authorized", "what waits is spoken for"
    waiting.books.decide(capture.id, APPROVED)
    assert (waiting.state(capture), waiting.charge.captured) == (State.APPROVED, 600)
    assert waiting.charge.entry(capture.id).money_moves == 1
    with pytest.raises(DecisionRefused):
        waiting.books.decide(capture.id, APPROVED)
    with pytest.raises(ChargeUnknown):
        waiting.books.decide("none", APPROVED)


def test_what_was_declined_later_gives_the_amount_back() -> None:
    waiting = Waitings()
    void = waiting.ask(OperationType.VOID)
    assert waiting.rig.do(OperationType.CAPTURE, waiting.charge_id, 1).reason == "already_voided"
    waiting.books.decide(void.id, DECLINED)
    capture = waiting.rig.do(OperationType.CAPTURE, waiting.charge_id, 1000)
    assert capture.verdict.approved
    refund = waiting.ask(OperationType.REFUND, 1000)
    assert waiting.rig.do(OperationType.REFUND, waiting.charge_id, 1).reason == "amount_exceeds_captured"
    waiting.books.decide(refund.id, APPROVED)
    assert waiting.charge.refunded == 1000
    waiting.books.decide(refund.id, DECLINED)
    entry = waiting.charge.entry(refund.id)
    assert (waiting.charge.refunded, entry.reversed, entry.money_moves) == (0, True, 1)
    assert waiting.charge.rest(OperationType.REFUND) == 1000


def test_a_refusal_is_acknowledged_too_unless_it_is_to_be_told_at_once() -> None:
    waiting = Waitings()
    later = waiting.ask(OperationType.CAPTURE, 1001)
    assert (waiting.state(later), later.reason) == (State.PENDING, "amount_exceeds_authorized")
    assert waiting.charge.rest(OperationType.CAPTURE) == 1000, "it is not meant to succeed"
    at_once = waiting.ask(OperationType.CAPTURE, 1001, refused_at_once=True)
    assert waiting.state(at_once) is State.DECLINED


def test_an_authorization_that_waits_for_its_shopper() -> None:
    rig = Rig()
    record = rig.do(OperationType.AUTHORIZE, amount=1000, capture=True, waiting=Waiting.SHOPPER)
    charge = rig.books.charge(record.id)
    assert (charge.first.state, charge.authorized, record.captured_amount) == (State.PENDING, 0, 0)
    assert rig.do(OperationType.REFUND, record.id, 1).reason == "charge_pending"
    rig.books.decide(record.id, APPROVED)
    assert (charge.authorized, charge.captured) == (1000, 1000)
    other = rig.do(OperationType.AUTHORIZE, amount=1000, waiting=Waiting.SHOPPER)
    assert rig.do(OperationType.VOID, other.id).verdict.approved
    with pytest.raises(DecisionRefused):
        rig.books.decide(other.id, APPROVED)


def test_increments_raise_what_is_held() -> None:
    rig = Rig()
    charge_id = rig.authorize()
    assert rig.do(OperationType.INCREMENT, charge_id, 500).verdict.approved
    charge = rig.books.charge(charge_id)
    assert (charge.authorized, charge.rest(OperationType.CAPTURE)) == (1500, 1500)
    assert rig.do(OperationType.INCREMENT, charge_id, 0).reason == "amount_not_higher"
    assert rig.do(OperationType.CAPTURE, charge_id, 100).verdict.approved
    assert rig.do(OperationType.INCREMENT, charge_id, 500).reason == "already_captured"
    assert rig.do(OperationType.VERIFY, amount=0).verdict.approved


def test_nothing_is_not_captured_or_refunded() -> None:
    rig = Rig()
    charge_id = rig.authorize()
    assert rig.do(OperationType.CAPTURE, charge_id, 0).reason == "amount_exceeds_authorized"
    assert rig.do(OperationType.REFUND, charge_id, 0).reason == "amount_exceeds_captured"


def test_a_charge_as_it_was_told_then_and_as_a_psp_errs_about_it() -> None:
    waiting = Waitings()
    capture = waiting.ask(OperationType.CAPTURE, 600)
    waiting.books.decide(capture.id, APPROVED)
    then = waiting.books.as_of(capture)
    assert (then.entry(capture.id).state, then.captured) == (State.PENDING, 0)
    wrong = waiting.books.as_of(waiting.charge.record, more=1)
    assert (wrong.record.amount, wrong.authorized) == (1001, 1001)
    assert (waiting.charge.authorized, waiting.charge.captured) == (1000, 600)


def test_books_follow_from_records_and_decisions_alone() -> None:
    waiting = Waitings()
    refused = waiting.ask(OperationType.CAPTURE, 600)
    waiting.books.decide(refused.id, DECLINED)
    restored = Books("a", lambda _: None)
    for line in waiting.rig.written:
        restored.restore(line)
    assert list(restored.charges()) == list(waiting.books.charges())


def test_ids_of_a_dialect_find_the_operation_again() -> None:
    rig = Rig()
    record = rig.do(OperationType.AUTHORIZE, amount=1, id="pi_1", ids={"charge": "ch_9"})
    entry = rig.books.find_id("ch_9")
    assert entry is not None
    assert (record.id, entry.record) == ("pi_1", record)
    assert rig.books.find_id("ch_none") is None


def test_a_reference_that_need_not_be_unique_shows_what_was_done_twice() -> None:
    rig = Rig()
    for _ in range(2):
        rig.do(OperationType.AUTHORIZE, amount=1, reference="r", unique=False)
    assert len(rig.books.find_all(OperationType.AUTHORIZE, "r")) == 2


def test_keys_are_forgotten_after_their_time_or_when_told() -> None:
    rig = Rig()
    record = rig.do(OperationType.AUTHORIZE, amount=1, key="k", request_digest="d")
    assert rig.books.replay("k", "d", not_before=record.at) is record
    assert rig.books.replay("k", "d", not_before=record.at + 1) is None
    assert rig.books.forget_keys() == 1
    assert rig.books.replay("k", "d") is None
