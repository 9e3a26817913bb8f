import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devstack.sandbox import books
from devstack.sandbox.magic import DECLINES, TEST_CARDS
from devstack.sandbox.requests import ChargeFields, read_action
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.connectors.sandbox import codes
from psp_connectors.domain import network_codes
from psp_connectors.domain.declines import GROUP_OF, DeclineCode, DeclineGroup
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Cryptogram,
    Exemption,
    Initiator,
    PaymentDetails,
    StoredCredential,
    ThreeDsResult,
)
from psp_connectors.domain.operations import Authorization, Operation, OperationKind, Sync, Void, amount_of, kind_of
from psp_connectors.domain.outcomes import OutcomeKind
from tests.contract.connector_suite import ConnectorSuite, response
from tests.fakes.connectors.ports import account, authorization, capture, sync, void


class TestSandboxConnector(ConnectorSuite):
    connector = CONNECTORS["sandbox"]
    essential = frozenset(
        {"id", "type", "status", "reference", "charge", "amount", "currency", "network_code", "captured_amount"}
    )

    def approval(self, operation: Operation) -> dict[str, Any]:
        amount = amount_of(operation)
        value = amount.value if amount is not None else 1050
        captured = value if isinstance(operation, Authorization) and operation.capture else 0
        return {
            "id": "op_1",
            "type": kind_of(operation).value,
            "status": "approved",
            "reference": operation.reference,
            "charge": "ch_1",
            "amount": value,
            "currency": "EUR",
            "captured_amount": captured,
            "network_code": "00",
            "reason": None,
            "network_transaction_id": "nti1",
            "card": {"brand": "visa", "last4": "4242", "bin": "424242", "exp_month": 12, "exp_year": 2099},
        }

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:
        match name:
            case "id":
                harmless = isinstance(new, str) and new != ""
            case "network_code":
                harmless = isinstance(new, str) and new in network_codes.APPROVED_NETWORK_CODES
            case "charge":
                harmless = isinstance(operation, Authorization | Sync)
            case "amount" | "currency":
                harmless = amount_of(operation) is None
            case "captured_amount" if isinstance(operation, Sync) and operation.kind is OperationKind.AUTHORIZE:
                # A sync tells what was captured so far, whatever that is; an authorization asks for a certain amount.
                harmless = type(new) is int and new >= 0
            case "captured_amount":
                harmless = not isinstance(operation, Authorization)
            case _:
                harmless = False
        return harmless


SANDBOX = CONNECTORS["sandbox"]
SUITE = TestSandboxConnector()


def declined(operation: Operation, **fields: object) -> dict[str, Any]:
    return SUITE.approval(operation) | {"status": "declined", "captured_amount": 0, **fields}


def test_authorization_is_what_the_psp_documents() -> None:
    request = SANDBOX.build(authorization(capture=True), account(base_url="https://psp"))
    assert (request.method, request.url) == ("POST", "https://psp/v1/charges")
    assert json.loads(request.body) == {
        "reference": "pay_1_1",
        "amount": 1050,
        "currency": "EUR",
        "capture": True,
        "card": {
            "number": "4242424242424242",
            "exp_month": 12,
            "exp_year": 2099,
            "cvc": "737",
            "holder_name": "Ada Lovelace",
        },
        "statement_descriptor": "SHOP",
    }


def test_an_authorization_tells_agreement_authentication_and_exemption_and_the_sandbox_reads_them() -> None:
    details = PaymentDetails(
        stored_credential=StoredCredential(
            initiator=Initiator.MERCHANT,
            use=CredentialUse.SUBSEQUENT,
            reason=CredentialReason.RECURRING,
            network_transaction_id="MCC1234AB",
            network_transaction_date="0131",
        ),
        three_ds=ThreeDsResult(
            version="2.2.0", eci="05", cryptogram=Cryptogram("the-proof"), ds_transaction_id="ds-1", trans_status="Y"
        ),
        exemption=Exemption.LOW_VALUE,
    )
    request = SANDBOX.build(replace(authorization(), details=details), account())
    body = json.loads(request.body)
    assert body["stored_credential"] == {
        "initiator": "merchant",
        "use": "subsequent",
        "reason": "recurring",
        "network_transaction_id": "MCC1234AB",
        "network_transaction_date": "0131",
    }
    assert body["authentication"] == {
        "version": "2.2.0",
        "eci": "05",
        "cryptogram": "the-proof",
        "ds_transaction_id": "ds-1",
        "trans_status": "Y",
        "challenge_status": "",
    }
    assert body["exemption"] == "low_value"
    fields = read_action("/v1/charges", "key", request.body).fields
    assert isinstance(fields, ChargeFields)
    assert fields.authentication is not None
    assert fields.authentication.cryptogram == "the-proof"
    assert "the-proof" not in repr(fields)


@pytest.mark.parametrize(("value", "currency"), [(1050, "EUR"), (1050, "JPY"), (1050, "KWD"), (999_999_999_999, "USD")])
def test_amounts_are_iso_minor_units(value: int, currency: str) -> None:
    request = SANDBOX.build(authorization(value, currency), account())
    sent = json.loads(request.body)
    assert (sent["amount"], sent["currency"]) == (value, currency)


def test_sync_asks_by_reference_and_type() -> None:
    request = SANDBOX.build(replace(sync(OperationKind.REFUND), reference="a b&c"), account(base_url="https://psp"))
    assert (request.method, request.url) == ("GET", "https://psp/v1/operations?reference=a+b%26c&type=refund")
    assert "Idempotency-Key" not in request.headers


def brand_answer(brand: str, network_code: str) -> str:
    body = declined(authorization(), network_code=network_code, card={"brand": brand})
    return SUITE.understood(authorization(), response(body)).code


def test_codes_that_brands_use_differently() -> None:
    assert brand_answer("mastercard", "65") == "authentication_required"
    assert brand_answer("visa", "65") == "frequency_limit_exceeded"
    assert brand_answer("visa", "82") == "incorrect_cvc"
    assert brand_answer("mastercard", "82") == "policy_decline"
    assert brand_answer("amex", "82") == "policy_decline"


def test_late_response_is_unknown() -> None:
    outcome = SUITE.understood(authorization(), response(declined(authorization(), network_code="68")))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (OutcomeKind.UNKNOWN, "psp_timeout", "68")


@pytest.mark.parametrize("entry", DECLINES.values(), ids=lambda entry: str(entry.suffix))
def test_every_code_of_the_psp_means_what_its_documentation_says(entry: Any) -> None:
    for operation in (authorization(), capture(), void(), sync()):
        body = declined(operation, network_code=entry.verdict.network_code or None, reason=entry.verdict.reason or None)
        outcome = SUITE.understood(operation, response(body))
        expected = OutcomeKind.UNKNOWN if entry.payera_code == "psp_timeout" else OutcomeKind.DECLINED
        assert (outcome.kind, outcome.code) == (expected, entry.payera_code)
        assert outcome.raw_code == (entry.verdict.network_code or entry.verdict.reason)
        assert outcome.unmapped == (entry.verdict.network_code == "ZZ")


def test_network_code_goes_before_the_psps_own_reason() -> None:
    body = declined(authorization(), network_code="51", reason="risk_blocked")
    assert SUITE.understood(authorization(), response(body)).code == "insufficient_funds"


def test_every_word_of_the_vocabulary_can_be_brought_about() -> None:
    reachable = {entry.payera_code for entry in DECLINES.values()} | {"policy_decline"}
    unreachable = {code.value for code in DeclineCode} - reachable
    assert unreachable == {"token_unusable"}, "which is the vault's word, not a PSP's"


def test_vocabulary_has_47_declines_and_7_request_states() -> None:
    groups = list(GROUP_OF.values())
    assert len(groups) == len(DeclineCode) == 54
    assert groups.count(DeclineGroup.REQUEST) == 7


def test_tables_name_no_code_twice_and_hold_every_documented_one() -> None:
    numbers = {entry.verdict.network_code for entry in DECLINES.values() if entry.verdict.network_code}
    assert numbers - {"68", "ZZ"} == set(network_codes.NETWORK_CODES)
    reasons = {entry.verdict.reason for entry in DECLINES.values() if entry.verdict.reason}
    assert reasons <= set(codes.REASONS)
    assert {card.verdict.reason for card in TEST_CARDS if card.verdict.reason} <= set(codes.REASONS)


def test_the_psps_own_refusals_are_all_in_the_table() -> None:
    # The own API has no increments.
    assert books.REFUSALS - {"amount_not_higher"} <= set(codes.REASONS)
    source = Path(books.__file__).read_text(encoding="utf-8")
    rules = source[source.index("def _refusal(") :]
    told = set(re.findall(r'"([a-z]+_[a-z_]+)"', rules))
    assert told == books.REFUSALS, "what the rules say, and the list of it"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "invalid_request", "invalid_request"),
        (401, "unauthorized", "merchant_configuration"),
        (404, "charge_not_found", "invalid_request"),
        (429, "rate_limited", "psp_unavailable"),
        (503, "not_processed", "psp_unavailable"),
    ],
)
def test_clear_refusals_are_declines_without_a_psp_reference(status: int, code: str, expected: str) -> None:
    outcome = SUITE.understood(authorization(), response({"error": {"code": code}}, status))
    assert (outcome.kind, outcome.code, outcome.psp_reference) == (OutcomeKind.DECLINED, expected, "")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (409, "idempotency_key_reused", "idempotency_conflict"),
        (409, "reference_in_use", "psp_error"),
        (409, "idempotency_key_in_flight", "psp_error"),
        (404, "route_not_found", "psp_error"),
        (500, "internal", "psp_error"),
        (200, "unauthorized", "unreadable_answer"),
        (401, "other", "psp_error"),
    ],
)
def test_errors_that_settle_nothing_are_unknown(status: int, code: str, expected: str) -> None:
    outcome = SUITE.understood(authorization(), response({"error": {"code": code}}, status))
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, expected)


def test_not_found_only_when_the_psp_says_so_of_our_reference() -> None:
    question = sync()
    error = {"code": "operation_not_found", "reference": question.reference, "type": "authorize"}
    assert SUITE.understood(question, response({"error": error}, 404)).kind is OutcomeKind.NOT_FOUND
    for changes in ({"reference": "other"}, {"type": "refund"}, {"code": "route_not_found"}, {"reference": None}):
        outcome = SUITE.understood(question, response({"error": error | changes}, 404))
        assert outcome.kind is OutcomeKind.UNKNOWN, changes
    assert SUITE.understood(question, response({"error": error}, 200)).kind is OutcomeKind.UNKNOWN
    assert SUITE.understood(authorization(), response({"error": error}, 404)).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 1051}, "amount_mismatch"),
        ({"currency": "USD"}, "amount_mismatch"),
        ({"reference": "pay_2_1"}, "reference_mismatch"),
        ({"captured_amount": 1050}, "amount_mismatch"),
        ({"network_code": "51"}, "contradictory_answer"),
        ({"status": "declined"}, "contradictory_answer"),
        ({"status": "maybe"}, "contradictory_answer"),
        ({"type": "refund"}, "unreadable_answer"),
    ],
)
def test_answers_about_something_else_are_unknown(changes: dict[str, object], code: str) -> None:
    outcome = SUITE.understood(authorization(), response(SUITE.approval(authorization()) | changes))
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code)


def test_declines_of_another_amount_or_reference_are_unknown_too() -> None:
    for changes, code in (({"amount": 1}, "amount_mismatch"), ({"reference": "x"}, "reference_mismatch")):
        outcome = SUITE.understood(authorization(), response(declined(authorization(), network_code="51", **changes)))
        assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code)


def test_partial_approval_is_no_approval() -> None:
    body = SUITE.approval(authorization()) | {"network_code": "10", "amount": 500}
    assert SUITE.understood(authorization(), response(body)).code == "amount_mismatch"


def test_pending_is_pending() -> None:
    outcome = SUITE.understood(authorization(), response(SUITE.approval(authorization()) | {"status": "pending"}))
    assert outcome.kind is OutcomeKind.PENDING


def test_sync_tells_the_captured_amount_and_shows_the_card() -> None:
    outcome = SUITE.understood(sync(), response(SUITE.approval(sync()) | {"captured_amount": 400}))
    assert (outcome.kind, outcome.captured_amount) == (OutcomeKind.APPROVED, 400)
    assert outcome.card is not None
    assert outcome.card.last4 == "4242"


def test_card_echo_that_is_more_than_a_summary_is_dropped() -> None:
    for card in ({"last4": "4242424242424242"}, {"bin": "42424242424242"}, {"exp_month": 2**40}):
        outcome = SUITE.understood(sync(), response(SUITE.approval(sync()) | {"card": card}))
        assert outcome.kind is OutcomeKind.APPROVED
        assert outcome.card is None


def test_void_has_no_amount_to_compare() -> None:
    assert isinstance(void(), Void)
    outcome = SUITE.understood(void(), response(SUITE.approval(void()) | {"amount": 7}))
    assert outcome.kind is OutcomeKind.APPROVED
