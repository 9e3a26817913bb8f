"""Every operation, decline code and fault of the sandbox PSP, through the connector and over sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack.sandbox.faults import FaultMode
from devstack.sandbox.magic import ACCOUNT_STEP, DECLINES, FAULTS, FIRST_AMOUNT, SUCCESS_CARDS, TEST_CARDS
from psp_connectors.domain.operations import Capture, OperationKind, Refund, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.laboratory import SHORT_SECONDS, Laboratory, laboratory

APPROVED, DECLINED = OutcomeKind.APPROVED, OutcomeKind.DECLINED
KINDS = [OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND]
"""What the sandbox PSP's own API has."""
NOT_SENT, UNKNOWN, NOT_FOUND = OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN, OutcomeKind.NOT_FOUND


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Laboratory]:
    async with laboratory() as running:
        yield running


async def test_authorize_capture_in_parts_refund_in_parts(lab: Laboratory) -> None:
    authorized = await lab.authorize(1000, reference="pay_1_1")
    assert (authorized.kind, authorized.amount) == (APPROVED, 1000)
    assert authorized.network_transaction_id
    first = await lab.ask(lab.capture(authorized.psp_reference, 400, reference="cap_1", final=False))
    second = await lab.ask(lab.capture(authorized.psp_reference, 500, reference="cap_2", final=True))
    assert (first.kind, second.kind) == (APPROVED, APPROVED)
    late = await lab.ask(lab.capture(authorized.psp_reference, 100, reference="cap_3"))
    assert (late.kind, late.code, late.raw_code) == (DECLINED, "invalid_transaction", "charge_closed")
    for number in (1, 2):
        refund = await lab.ask(lab.refund(authorized.psp_reference, 450, reference=f"ref_{number}"))
        assert refund.kind is APPROVED
    much = await lab.ask(lab.refund(authorized.psp_reference, 1, reference="ref_3"))
    assert (much.kind, much.code) == (DECLINED, "invalid_amount")
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert (truth["authorized"], truth["captured"], truth["refunded"], truth["voided"]) == (1000, 900, 900, False)
    assert (truth["money_moves"], truth["requests"]) == (5, 7)
    answer = await lab.sync(OperationKind.AUTHORIZE, "pay_1_1", 1000)
    assert (answer.kind, answer.captured_amount) == (APPROVED, 900)


async def test_immediate_capture_takes_one_movement(lab: Laboratory) -> None:
    outcome = await lab.authorize(reference="pay_1_1", capture=True)
    assert (outcome.kind, outcome.captured_amount) == (APPROVED, 1050)
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert (truth["authorized"], truth["captured"], truth["money_moves"]) == (1050, 1050, 1)


async def test_rules_of_the_books(lab: Laboratory) -> None:
    charge = (await lab.authorize(1000)).psp_reference
    over = await lab.ask(lab.capture(charge, 1001, reference="cap_1"))
    assert (over.kind, over.raw_code) == (DECLINED, "amount_exceeds_authorized")
    early = await lab.ask(lab.refund(charge, 1, reference="ref_1"))
    assert (early.kind, early.raw_code) == (DECLINED, "amount_exceeds_captured")
    assert (await lab.ask(lab.void(charge, reference="void_1"))).kind is APPROVED
    again = await lab.ask(lab.void(charge, reference="void_2"))
    assert (again.kind, again.raw_code) == (DECLINED, "already_voided")
    after = await lab.ask(lab.capture(charge, 1, reference="cap_2"))
    assert (after.kind, after.raw_code) == (DECLINED, "already_voided")
    captured = (await lab.authorize(1000, capture=True)).psp_reference
    late = await lab.ask(lab.void(captured, reference="void_3"))
    assert (late.kind, late.raw_code) == (DECLINED, "already_captured")
    refused = (await lab.authorize(FIRST_AMOUNT + 105)).psp_reference
    none = await lab.ask(lab.capture(refused, 1, reference="cap_3"))
    assert (none.kind, none.raw_code) == (DECLINED, "charge_declined")
    missing = await lab.ask(lab.capture("ch_unknown", 1, reference="cap_4"))
    assert (missing.kind, missing.raw_code, missing.psp_reference) == (DECLINED, "charge_not_found", "")


async def test_each_account_has_books_of_its_own(lab: Laboratory) -> None:
    charge = (await lab.authorize(reference="pay_1_1")).psp_reference
    elsewhere = await lab.ask(lab.capture(charge, reference="cap_1"), account_name="sandbox_b")
    assert elsewhere.raw_code == "charge_not_found"
    assert (await lab.authorize(reference="pay_1_1", account_name="sandbox_b")).kind is APPROVED
    assert len((await lab.truth(prefix="pay_1"))["charges"]) == 2


async def test_every_magic_amount_is_declined_with_its_code(lab: Laboratory) -> None:
    for entry in DECLINES.values():
        reference = f"pay_{entry.suffix}_1"
        outcome = await lab.authorize(FIRST_AMOUNT + entry.suffix, reference=reference)
        late = entry.payera_code == "psp_timeout"
        assert (outcome.kind, outcome.code) == (UNKNOWN if late else DECLINED, entry.payera_code), entry
        truth = await lab.charge(reference)
        assert truth is not None
        assert (truth["status"], truth["authorized"], truth["money_moves"]) == ("declined", 0, 0)
        answer = await lab.sync(OperationKind.AUTHORIZE, reference, FIRST_AMOUNT + entry.suffix)
        assert (answer.kind, answer.code) == (DECLINED, "issuer_unavailable" if late else entry.payera_code)


async def test_magic_amounts_decline_captures_and_refunds_too(lab: Laboratory) -> None:
    charge = (await lab.authorize(900_000)).psp_reference
    capture = await lab.ask(lab.capture(charge, FIRST_AMOUNT + 196, reference="cap_1"))
    assert (capture.kind, capture.code) == (DECLINED, "issuer_technical_error")
    assert (await lab.ask(lab.capture(charge, 900_000, reference="cap_2"))).kind is APPROVED
    refund = await lab.ask(lab.refund(charge, FIRST_AMOUNT + 146, reference="ref_1"))
    assert (refund.kind, refund.code) == (DECLINED, "account_closed")


async def test_amounts_that_are_magic_at_one_account_only(lab: Laboratory) -> None:
    at_a, at_b = (FIRST_AMOUNT + position * ACCOUNT_STEP + 105 for position in (1, 2))
    assert (await lab.authorize(at_a)).code == "do_not_honor"
    assert (await lab.authorize(at_a, account_name="sandbox_b")).kind is APPROVED
    assert (await lab.authorize(at_b)).kind is APPROVED
    assert (await lab.authorize(at_b, account_name="sandbox_b")).code == "do_not_honor"


async def test_every_test_card(lab: Laboratory) -> None:
    for card in TEST_CARDS:
        outcome = await lab.authorize(token=card.number)
        assert (outcome.kind, outcome.code) == (DECLINED, card.payera_code), card.payera_code
    for number in SUCCESS_CARDS:
        assert (await lab.authorize(token=number)).kind is APPROVED
    assert (await lab.authorize(token="4242424242424241")).code == "invalid_card_number"


async def test_brand_decides_what_65_means(lab: Laboratory) -> None:
    outcome = await lab.authorize(FIRST_AMOUNT + 165, token="5555555555554444")
    assert outcome.code == "authentication_required"


async def test_same_key_is_answered_again_without_a_second_effect(lab: Laboratory) -> None:
    first = await lab.authorize(reference="pay_1_1", key="k" * 32)
    second = await lab.authorize(reference="pay_1_1", key="k" * 32)
    assert (first.kind, second) == (APPROVED, first)
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert (truth["money_moves"], truth["requests"]) == (1, 2)


async def test_replay_gives_the_first_answer_even_after_a_capture(lab: Laboratory) -> None:
    first = await lab.authorize(reference="pay_1_1", key="k" * 32)
    assert (await lab.ask(lab.capture(first.psp_reference))).kind is APPROVED
    assert await lab.authorize(reference="pay_1_1", key="k" * 32) == first


async def test_same_key_for_something_else_settles_nothing(lab: Laboratory) -> None:
    await lab.authorize(reference="pay_1_1", key="k" * 32)
    other = await lab.authorize(1051, reference="pay_1_1", key="k" * 32)
    assert (other.kind, other.code) == (UNKNOWN, "idempotency_conflict")


async def test_same_reference_with_another_key_settles_nothing(lab: Laboratory) -> None:
    await lab.authorize(reference="pay_1_1", key="k" * 32)
    other = await lab.authorize(reference="pay_1_1", key="x" * 32)
    assert (other.kind, other.raw_code) == (UNKNOWN, "reference_in_use")
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert truth["money_moves"] == 1


async def test_request_in_flight_is_waited_for(lab: Laboratory) -> None:
    await lab.set_fault(mode="slow", operation="authorize", count=1, delay_ms=300)
    outcomes = await asyncio.gather(*(lab.authorize(reference="pay_1_1", key="k" * 32) for _ in range(5)))
    assert len({outcome.psp_reference for outcome in outcomes}) == 1
    assert {outcome.kind for outcome in outcomes} == {APPROVED}
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert (truth["money_moves"], truth["requests"]) == (1, 5)


async def test_wrong_key_is_refused_and_a_sync_with_it_settles_nothing(lab: Laboratory) -> None:
    async with lab.control.get(
        f"http://127.0.0.1:{lab.sandbox.ports['sandbox_a']}/v1/operations?reference=x&type=void",
        headers={"Authorization": "Bearer key_of_account_b"},
    ) as response:
        assert response.status == 401


async def test_sync_of_nothing_is_not_found(lab: Laboratory) -> None:
    for kind in KINDS:
        assert (await lab.sync(kind, "pay_9_1")).kind is NOT_FOUND


# What each fault comes to: kind and code of the outcome, and whether the PSP acted.
FAULT_OUTCOMES: dict[FaultMode, tuple[OutcomeKind, set[str], bool]] = {
    FaultMode.REFUSE: (NOT_SENT, {"psp_unavailable"}, False),
    FaultMode.RESET_BEFORE: (UNKNOWN, {"connection_lost"}, False),
    FaultMode.RESET_AFTER: (UNKNOWN, {"connection_lost"}, True),
    FaultMode.TIMEOUT_THEN_SUCCESS: (UNKNOWN, {"psp_timeout"}, True),
    FaultMode.TIMEOUT_THEN_DECLINE: (UNKNOWN, {"psp_timeout"}, False),
    FaultMode.SLOW: (APPROVED, {""}, True),
    FaultMode.GARBAGE: (UNKNOWN, {"unreadable_answer"}, True),
    FaultMode.TRUNCATED: (UNKNOWN, {"unreadable_answer", "connection_lost"}, True),
    FaultMode.WRONG_AMOUNT: (UNKNOWN, {"amount_mismatch"}, True),
    FaultMode.DUPLICATE: (APPROVED, {""}, True),
    FaultMode.SERVER_ERROR_BEFORE: (UNKNOWN, {"psp_error"}, False),
    FaultMode.SERVER_ERROR_AFTER: (UNKNOWN, {"psp_error"}, True),
    FaultMode.HTML: (UNKNOWN, {"unreadable_answer"}, True),
    FaultMode.TRICKLE: (UNKNOWN, {"psp_timeout"}, True),
    FaultMode.ANSWERED_TWICE: (APPROVED, {""}, True),
    FaultMode.WRONG_CURRENCY: (UNKNOWN, {"amount_mismatch"}, True),
    FaultMode.WRONG_REFERENCE: (UNKNOWN, {"reference_mismatch"}, True),
    FaultMode.DENIED: (DECLINED, {"do_not_honor"}, True),
    FaultMode.RATE_LIMITED: (DECLINED, {"psp_unavailable"}, False),
    FaultMode.NOT_FOUND: (DECLINED, {"invalid_request"}, False),
}
SHORT_MODES = {FaultMode.TIMEOUT_THEN_SUCCESS, FaultMode.TIMEOUT_THEN_DECLINE, FaultMode.TRICKLE}
#: So that nothing has to wait: a slow answer comes in time, and no pause is asked for.
DELAYS: dict[FaultMode, dict[str, Any]] = {
    FaultMode.SLOW: {"delay_ms": 200},
    FaultMode.RATE_LIMITED: {"delay_ms": 0},
}


async def prepared(lab: Laboratory, kind: OperationKind) -> tuple[str, Any]:
    """Give the reference of an operation and a function that sends it; what it needs is there."""
    if kind is OperationKind.AUTHORIZE:
        return "pay_1_1", lambda: lab.authorize(reference="pay_1_1", key="k" * 32)
    charge = (await lab.authorize(capture=kind is OperationKind.REFUND)).psp_reference
    operations: dict[OperationKind, Capture | Void | Refund] = {
        OperationKind.CAPTURE: lab.capture(charge),
        OperationKind.VOID: lab.void(charge),
        OperationKind.REFUND: lab.refund(charge),
    }
    operation = operations[kind]
    return operation.reference, lambda: lab.ask(operation)


async def effects(lab: Laboratory, reference: str) -> int:
    charge = await lab.charge(reference)
    if charge is None:
        return 0
    (operation,) = [operation for operation in charge["operations"] if operation["reference"] == reference]
    moves: int = operation["money_moves"]
    return moves


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", list(FAULT_OUTCOMES))
async def test_every_fault_on_every_action(lab: Laboratory, mode: FaultMode, kind: OperationKind) -> None:
    reference, send = await prepared(lab, kind)
    await lab.set_fault(mode=mode.value, operation=kind.value, **DELAYS.get(mode, {}))
    lab.seconds = SHORT_SECONDS if mode in SHORT_MODES else lab.seconds
    outcome: Outcome = await send()
    expected, codes, acted = FAULT_OUTCOMES[mode]
    if mode in {FaultMode.WRONG_AMOUNT, FaultMode.WRONG_CURRENCY} and kind is OperationKind.VOID:
        expected, codes = APPROVED, {""}  # a void has no amount
    assert (outcome.kind, outcome.code in codes) == (expected, True), outcome
    assert await effects(lab, reference) == (1 if acted else 0)

    await lab.heal()
    lab.seconds = 20.0
    found = await lab.sync(kind, reference)
    if mode is FaultMode.TIMEOUT_THEN_DECLINE:
        assert (found.kind, found.code) == (DECLINED, "do_not_honor")
    else:
        assert found.kind is (APPROVED if acted else NOT_FOUND)
    # Sending again with the same key heals what never happened, and absorbs what did.
    again = await send()
    assert again.kind is (DECLINED if mode is FaultMode.TIMEOUT_THEN_DECLINE else APPROVED)
    assert await effects(lab, reference) == (0 if mode is FaultMode.TIMEOUT_THEN_DECLINE else 1)


@pytest.mark.parametrize("mode", list(FAULT_OUTCOMES))
async def test_every_fault_on_a_sync_settles_nothing_wrongly(lab: Laboratory, mode: FaultMode) -> None:
    await lab.authorize(reference="pay_1_1")
    await lab.set_fault(mode=mode.value, operation="sync", **DELAYS.get(mode, {}))
    lab.seconds = SHORT_SECONDS if mode in SHORT_MODES else lab.seconds
    outcome = await lab.sync(OperationKind.AUTHORIZE, "pay_1_1")
    right = {FaultMode.SLOW, FaultMode.DUPLICATE, FaultMode.ANSWERED_TWICE, FaultMode.DENIED}
    expected = APPROVED if mode in right else NOT_FOUND if mode is FaultMode.NOT_FOUND else UNKNOWN
    assert outcome.kind is expected, outcome


async def test_not_found_then_found(lab: Laboratory) -> None:
    await lab.authorize(reference="pay_1_1")
    await lab.set_fault(mode="not_found_then_found", count=2)
    kinds = [(await lab.sync(OperationKind.AUTHORIZE, "pay_1_1")).kind for _ in range(3)]
    assert kinds == [NOT_FOUND, NOT_FOUND, APPROVED]


async def test_slow_psp_acts_after_the_caller_has_given_up(lab: Laboratory) -> None:
    await lab.set_fault(mode="slow", operation="authorize", count=1, delay_ms=2500)
    lab.seconds = SHORT_SECONDS
    outcome = await lab.authorize(reference="pay_1_1", key="k" * 32)
    assert (outcome.kind, outcome.code) == (UNKNOWN, "psp_timeout")
    lab.seconds = 20.0
    assert (await lab.sync(OperationKind.AUTHORIZE, "pay_1_1")).kind is NOT_FOUND
    again = await lab.authorize(reference="pay_1_1", key="k" * 32)
    assert again.kind is APPROVED
    assert await effects(lab, "pay_1_1") == 1, "the late one and the repeated one are the same"


async def test_an_answer_that_comes_twice_is_never_taken_for_the_next_one(lab: Laboratory) -> None:
    await lab.set_fault(mode="answered_twice", operation="authorize", count=1)
    first = await lab.authorize(reference="pay_1_1")
    await asyncio.sleep(0.5)  # the second answer is there before the next request
    others = [await lab.authorize(reference=f"pay_{number}_1") for number in (2, 3)]
    assert [outcome.kind for outcome in (first, *others)] == [APPROVED] * 3, others
    assert len({outcome.psp_reference for outcome in (first, *others)}) == 3


@pytest.mark.parametrize(("suffix", "mode"), FAULTS.items(), ids=str)
async def test_faults_by_amount_strike_the_first_request_only(lab: Laboratory, suffix: int, mode: FaultMode) -> None:
    if mode is FaultMode.SLOW or mode in SHORT_MODES:
        lab.seconds = SHORT_SECONDS
    amount = FIRST_AMOUNT + suffix
    outcome = await lab.authorize(amount, reference="pay_1_1", key="k" * 32)
    if mode is FaultMode.SLOW:
        assert (outcome.kind, outcome.code) == (UNKNOWN, "psp_timeout")
        return
    if mode is FaultMode.RATE_LIMITED:
        paused = await lab.authorize(amount, reference="pay_1_1", key="k" * 32)
        assert [(one.kind, one.code) for one in (outcome, paused)] == [
            (DECLINED, "psp_unavailable"),
            (NOT_SENT, "rate_limited"),
        ]
        return
    expected = UNKNOWN if mode is FaultMode.NOT_FOUND_THEN_FOUND else FAULT_OUTCOMES[mode][0]
    assert outcome.kind is expected
    lab.seconds = 20.0
    if mode is FaultMode.NOT_FOUND_THEN_FOUND:
        assert (await lab.sync(OperationKind.AUTHORIZE, "pay_1_1", amount)).kind is NOT_FOUND
        assert (await lab.sync(OperationKind.AUTHORIZE, "pay_1_1", amount)).kind is APPROVED
    again = await lab.authorize(amount, reference="pay_1_1", key="k" * 32)
    assert again.kind is (DECLINED if mode is FaultMode.TIMEOUT_THEN_DECLINE else APPROVED)


async def test_fault_for_one_reference_spares_the_others(lab: Laboratory) -> None:
    await lab.set_fault(mode="reset_before", operation="authorize", reference="pay_7_")
    assert (await lab.authorize(reference="pay_8_1")).kind is APPROVED
    assert (await lab.authorize(reference="pay_7_1")).kind is UNKNOWN
    assert (await lab.authorize(reference="pay_7_1", account_name="sandbox_b")).kind is APPROVED


async def test_fault_of_the_first_requests_strikes_each_reference(lab: Laboratory) -> None:
    await lab.set_fault(mode="server_error_before", operation="authorize", first=1)
    references = ("pay_1_1", "pay_2_1", "pay_1_1", "pay_2_1")
    kinds = [(await lab.authorize(reference=one, key=one * 4)).kind for one in references]
    assert kinds == [UNKNOWN, UNKNOWN, APPROVED, APPROVED]


async def test_fault_with_a_count_heals_by_itself(lab: Laboratory) -> None:
    await lab.set_fault(mode="server_error_before", operation="any", count=2)
    kinds = [(await lab.authorize()).kind for _ in range(3)]
    assert kinds == [UNKNOWN, UNKNOWN, APPROVED]


async def test_refusing_account_is_one_listener_and_comes_back(lab: Laboratory) -> None:
    assert (await lab.authorize()).kind is APPROVED, "so that a connection is kept alive"
    await lab.set_fault(mode="refuse")
    assert (await lab.authorize()).kind is NOT_SENT
    assert (await lab.authorize(account_name="sandbox_b")).kind is APPROVED
    await lab.heal()
    assert (await lab.authorize()).kind is APPROVED


async def test_truth_shows_no_card_number(lab: Laboratory) -> None:
    await lab.authorize(reference="pay_1_1")
    async with lab.control.get("/control/truth") as response:
        text = await response.text()
    assert "4242424242424242" not in text
    assert '"last4":"4242"' in text
