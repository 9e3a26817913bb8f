"""The suites of this folder find connectors that are wrong: each mistake below is one that would cost money or leak."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.capabilities import OperationCapability
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account, Connector
from psp_connectors.domain.http import HttpRequest, HttpResponse, json_object
from psp_connectors.domain.network_codes import APPROVED_NETWORK_CODES
from psp_connectors.domain.operations import Authorization, Operation, OperationKind, Sync, amount_of, kind_of
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext, WebhookReading
from tests.contract.connector_suite import ConnectorSuite, response
from tests.contract.mutation_suite import Answered, MutationSuite
from tests.contract.property_suite import PropertySuite, WholeBodyWebhookSuite
from tests.contract.test_connector_sandbox import SUITE, TestSandboxConnector
from tests.fakes.connectors.ports import API_KEY, CARD_NUMBER, KEY, authorization

SANDBOX = CONNECTORS["sandbox"]
Sandbox = TestSandboxConnector
del TestSandboxConnector


class TestSandboxAnswers(MutationSuite):
    connector = SANDBOX

    def corpus(self) -> Sequence[Answered]:
        cases = [Answered(str(kind_of(op)), op, SUITE.answer_to(op)) for op in SUITE.operations()]
        declined = SUITE.approval(authorization()) | {"status": "declined", "network_code": "51", "captured_amount": 0}
        return [*cases, Answered("declined", authorization(), response(declined))]

    def still_approved(self, operation: Operation, answer: HttpResponse, document: Any) -> bool:
        if answer.status != 200 or not isinstance(document, dict):
            return False
        asked = amount_of(operation)
        money = [document.get("amount"), document.get("currency")]
        fits = asked is None or json.dumps(money) == json.dumps([asked.value, asked.currency])
        captured = document.get("captured_amount")
        at_once = asked.value if asked is not None and isinstance(operation, Authorization) and operation.capture else 0
        if isinstance(operation, Authorization):
            fits = fits and type(captured) is int and captured == at_once
        by_charge = not isinstance(operation, Authorization | Sync)
        return (
            fits
            and document.get("status") == "approved"
            and document.get("network_code") in APPROVED_NETWORK_CODES
            and document.get("type") == kind_of(operation).value
            and document.get("reference") == operation.reference
            and (not by_charge or document.get("charge") == "ch_1")
        )


def approving(operation: Operation, answer: HttpResponse) -> Outcome:
    """Approve by the status alone, whatever amount or payment the answer names."""
    document = json_object(answer) or {}
    if document.get("status") != "approved":
        return SANDBOX.parse(operation, answer)
    asked = amount_of(operation)
    value = asked.value if asked is not None else 0
    return Outcome(kind=OutcomeKind.APPROVED, psp_reference="op_1", amount=value)


def raising(operation: Operation, answer: HttpResponse) -> Outcome:
    document = json.loads(answer.body)
    assert document["id"]
    return SANDBOX.parse(operation, answer)


def believing(operation: Operation, answer: HttpResponse) -> Outcome:
    """Take an answer of any status, and of any type, for one that counts."""
    headers = {"content-type": "application/json"}
    return SANDBOX.parse(operation, replace(answer, status=200, headers=headers))


def telling(operation: Operation, answer: HttpResponse) -> Outcome:
    return replace(SANDBOX.parse(operation, answer), detail=f"with the key {API_KEY} for {CARD_NUMBER}")


def declining(operation: Operation, answer: HttpResponse) -> Outcome:
    """Take every error for a decline, as if the PSP had said that it did nothing."""
    outcome = SANDBOX.parse(operation, answer)
    unclear = outcome.kind is OutcomeKind.UNKNOWN
    return replace(outcome, kind=OutcomeKind.DECLINED, code="generic_decline") if unclear else outcome


PARSES: list[tuple[Callable[[Operation, HttpResponse], Outcome], str]] = [
    (approving, "test_no_changed_essential_leaves_an_approval"),
    (approving, "test_changed_answers_are_never_approved_unless_the_essentials_stand"),
    (raising, "test_any_json_is_read_without_raising"),
    (raising, "test_any_bytes_are_read_without_raising_and_never_approved"),
    (raising, "test_cut_off_answers_are_unknown"),
    (believing, "test_answers_that_are_not_declared_as_data_are_unknown"),
    (telling, "test_any_json_is_read_without_raising"),
    (declining, "test_server_errors_without_a_clear_body_are_unknown"),
    (declining, "test_redirects_and_other_successes_are_unknown"),
    (declining, "test_a_psp_that_refuses_the_question_settles_nothing"),
]
MUTATED: list[tuple[Callable[[Operation, HttpResponse], Outcome], str]] = [
    (approving, "test_every_dropped_or_retyped_field"),
    (approving, "test_every_wrong_amount"),
    (approving, "test_every_wrong_currency"),
    (approving, "test_every_other_identifier"),
    (approving, "test_several_changes_at_once"),
    (approving, "test_answers_to_another_operation"),
    (believing, "test_every_status"),
    (raising, "test_cut_off_anywhere"),
    (raising, "test_what_is_no_answer"),
    (telling, "test_every_status"),
]


def failing(suite: object, test: str) -> None:
    method = getattr(suite, test)
    with pytest.MonkeyPatch.context() as patch:
        used = getattr(method, "_hypothesis_internal_use_settings", None)
        if used is not None:
            # That it is found is enough: a smaller example is looked for by nobody, and takes ten times as long.
            quick = settings(used, phases=[Phase.explicit, Phase.generate])
            patch.setattr(method.__func__, "_hypothesis_internal_use_settings", quick)
        with pytest.raises((AssertionError, KeyError, TypeError, ValueError, ExceptionGroup)):
            method()


@pytest.mark.parametrize(("parse", "test"), PARSES)
def test_a_wrong_parse_is_found(parse: Callable[[Operation, HttpResponse], Outcome], test: str) -> None:
    class Wrong(Sandbox):
        connector = replace(SANDBOX, parse=parse)

    failing(Wrong(), test)


@pytest.mark.parametrize(("parse", "test"), MUTATED)
def test_a_wrong_parse_is_found_by_mutation(parse: Callable[[Operation, HttpResponse], Outcome], test: str) -> None:
    class Wrong(TestSandboxAnswers):
        connector = replace(SANDBOX, parse=parse)

    failing(Wrong(), test)


def built(**changes: Callable[[HttpRequest, Operation], Any]) -> Connector:
    """Give the sandbox's connector with requests that differ in one part."""

    def build(operation: Operation, account: Account) -> HttpRequest:
        request = SANDBOX.build(operation, account)
        return replace(request, **{name: change(request, operation) for name, change in changes.items()})

    return replace(SANDBOX, build=build)


REQUESTS: list[tuple[Connector, str]] = [
    (built(url=lambda request, _: f"{request.url}?key={API_KEY}"), "test_secrets_are_in_no_address"),
    (built(url=lambda *_: "https://elsewhere.example/"), "test_requests_go_to_the_accounts_address_with_its_key"),
    (built(headers=lambda *_: {}), "test_requests_go_to_the_accounts_address_with_its_key"),
    (built(headers=lambda *_: {"Authorization": API_KEY}), "test_every_action_carries_the_idempotency_key"),
    (built(headers=lambda *_: {"Authorization": API_KEY}), "test_bodies_say_what_they_are"),
    (
        built(url=lambda request, op: f"{request.url}/{getattr(op, 'psp_reference', '')}"),
        "test_references_cannot_leave_their_place_in_the_address",
    ),
    (
        built(url=lambda request, op: f"{request.url}?id={getattr(op, 'psp_reference', '')}"),
        "test_references_cannot_leave_their_place_in_the_address",
    ),
    (built(body=lambda request, _: request.body + secrets.token_bytes(8)), "test_building_is_a_function"),
]


@pytest.mark.parametrize(("connector", "test"), REQUESTS)
def test_a_wrong_build_is_found(connector: Connector, test: str) -> None:
    class Wrong(Sandbox):
        pass

    Wrong.connector = connector
    failing(Wrong(), test)


def test_wrong_capabilities_are_found() -> None:
    operations: dict[OperationKind, OperationCapability] = {
        k: v for k, v in SANDBOX.capabilities.operations.items() if k is not OperationKind.REFUND
    }

    class Wrong(Sandbox):
        connector = replace(SANDBOX, capabilities=replace(SANDBOX.capabilities, operations=operations))

    failing(Wrong(), "test_capabilities_cover_what_is_tried")


def keyless(repeat_seconds: int) -> Connector:
    """Give the sandbox's connector as that of a PSP that takes no idempotency keys."""

    def build(operation: Operation, account: Account) -> HttpRequest:
        known = operation if isinstance(operation, Sync) else replace(operation, idempotency_key=KEY)
        request = SANDBOX.build(known, account)
        return replace(request, headers={k: v for k, v in request.headers.items() if k != "Idempotency-Key"})

    capabilities = SANDBOX.capabilities
    operations = {kind: replace(able, repeat_seconds=repeat_seconds) for kind, able in capabilities.operations.items()}
    without = replace(capabilities, idempotency_key_max_length=0, operations=operations)
    return replace(SANDBOX, build=build, capabilities=without)


def test_a_psp_without_keys_passes_unless_it_claims_to_remember_them() -> None:
    class Keyless(Sandbox):
        connector = keyless(0)

    class KeylessProperties(PropertySuite):
        connector = keyless(0)

        def operations(self) -> Sequence[Operation]:
            return [authorization()]

    class Claiming(Sandbox):
        connector = keyless(60)

    Keyless().test_every_action_carries_the_idempotency_key()
    KeylessProperties().test_any_key_goes_out_whole_or_not_at_all()
    failing(Claiming(), "test_every_action_carries_the_idempotency_key")


@pytest.mark.parametrize(
    ("header", "test"),
    [
        (lambda key: key[:32], "test_any_key_goes_out_whole_or_not_at_all"),
        (lambda key: f"{key}\n", "test_no_key_breaks_out_of_its_header"),
    ],
)
def test_a_wrong_key_is_found(header: Callable[[str], str], test: str) -> None:
    def build(operation: Operation, account: Account) -> HttpRequest:
        assert not isinstance(operation, Sync)
        request = SANDBOX.build(replace(operation, idempotency_key=KEY), account)
        return replace(request, headers={**request.headers, "Idempotency-Key": header(operation.idempotency_key)})

    class Wrong(PropertySuite):
        connector = replace(SANDBOX, build=build)

        def operations(self) -> Sequence[Operation]:
            return [authorization()]

    failing(Wrong(), test)


@pytest.mark.parametrize(
    "test",
    [
        "test_no_changed_byte_of_what_is_signed_is_genuine",
        "test_the_signature_of_one_body_is_none_of_another",
        "test_without_its_headers_it_is_not_genuine",
        "test_no_invented_signature_is_genuine",
    ],
)
def test_a_webhook_that_nobody_verifies_is_found(test: str) -> None:
    def read(_raw: RawWebhook, _account: Account, _context: WebhookContext) -> WebhookReading:
        return WebhookReading(authenticity=Authenticity.GENUINE)

    class Wrong(WholeBodyWebhookSuite):
        connector = replace(SANDBOX, read_webhook=read)
        secret = Secret("s")

        def genuine(self) -> RawWebhook:
            return RawWebhook(headers={"signature": "x"}, body=b"{}")

        def signing_headers(self) -> frozenset[str]:
            return frozenset({"signature"})

    failing(Wrong(), test)


def test_the_sandbox_passes_what_the_wrong_ones_fail() -> None:
    assert issubclass(Sandbox, ConnectorSuite)
    for _, test in (*PARSES[:1], *PARSES[4:6], *REQUESTS):
        getattr(Sandbox(), test)()
