from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.sandbox import books as module
from devstack.sandbox.books import (
    Books,
    ChargeUnknown,
    KeyReused,
    OperationType,
    Order,
    Record,
    ReferenceInUse,
    TooManyOperations,
)
from devstack.sandbox.magic import APPROVED, Verdict

DECLINED = Verdict(network_code="05")


class Rig:
    def __init__(self) -> None:
        self.written: list[Record] = []
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
        assert restored.replay(record.key, "d") == record


def test_a_record_is_written_before_it_takes_effect() -> None:
    def refuse(_: Record) -> None:
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
