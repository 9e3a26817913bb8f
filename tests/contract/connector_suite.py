"""What every connector must do, whichever PSP it speaks to: a subclass names the connector and its PSP's answers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psp_connectors.domain.connector import Account, Connector
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import Operation, OperationKind, Sync
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind
from tests.fakes.connectors.ports import (
    API_KEY,
    CARD_CODE,
    CARD_NUMBER,
    account,
    authorization,
    capture,
    refund,
    sync,
    void,
)

ACTIONS: tuple[Operation, ...] = (authorization(), authorization(capture=True), capture(), void(), refund())
SYNCED = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
SYNCS: tuple[Operation, ...] = tuple(replace(sync(kind), reference="pay_1_1") for kind in SYNCED)
OPERATIONS = ACTIONS + SYNCS
KNOWN_CODES = {code.value for code in (*DeclineCode, *CallCode)}

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
STATUSES = st.sampled_from((100, 200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503))
BOUNDED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)


def response(body: object, status: int = 200, content_type: str = "application/json") -> HttpResponse:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, headers={"content-type": content_type}, body=encoded)


def paths_of(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a JSON value."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, (*path, name))


def changed(value: Any, path: tuple[Any, ...], new: object) -> Any:
    copy = dict(value)
    if len(path) == 1:
        if new is ...:
            del copy[path[0]]
        else:
            copy[path[0]] = new
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


class ConnectorSuite:
    """Subclass it as `Test...`, and give the connector, approvals of its PSP, and what an approval rests on."""

    connector: Connector
    #: Fields of an approval without which, or with another value of which, it is no approval of what was asked.
    essential: frozenset[str]

    def approval(self, operation: Operation) -> dict[str, Any]:
        """Give the body with which the PSP approves an operation."""
        raise NotImplementedError

    def account(self) -> Account:
        return account(base_url="https://psp.example/base")

    def understood(self, operation: Operation, answer: HttpResponse) -> Outcome:
        return settle(operation, self.connector.parse(operation, answer))

    def test_requests_go_to_the_accounts_address_with_its_key(self) -> None:
        for operation in OPERATIONS:
            request = self.connector.build(operation, self.account())
            assert request.url.startswith("https://psp.example/base/")
            assert any(API_KEY in value for value in request.headers.values())
            assert urlsplit(request.url).query.isascii()

    def test_secrets_are_in_no_address(self) -> None:
        for operation in OPERATIONS:
            url = self.connector.build(operation, self.account()).url
            assert not any(secret in url for secret in (API_KEY, CARD_NUMBER, CARD_CODE))

    def test_building_is_a_function(self) -> None:
        for operation in OPERATIONS:
            first, second = (self.connector.build(operation, self.account()) for _ in range(2))
            assert (first.url, first.headers, first.body) == (second.url, second.headers, second.body)

    def test_every_action_carries_the_idempotency_key(self) -> None:
        for operation in ACTIONS:
            assert not isinstance(operation, Sync)
            request = self.connector.build(operation, self.account())
            sent = " ".join(request.headers.values()) + request.body.decode()
            assert operation.idempotency_key in sent
            assert len(operation.idempotency_key) <= self.connector.capabilities.idempotency_key_max_length

    def test_references_cannot_leave_their_place_in_the_address(self) -> None:
        for operation in (replace(capture(), psp_reference="../x?y#z"), replace(void(), psp_reference="a/b")):
            url = urlsplit(self.connector.build(operation, self.account()).url)
            assert ".." not in url.path.split("/")
            assert (url.query, url.fragment) == ("", "")

    def test_approvals_are_approvals(self) -> None:
        for operation in OPERATIONS:
            outcome = self.understood(operation, response(self.approval(operation)))
            assert outcome.kind is OutcomeKind.APPROVED, (operation, outcome)
            assert outcome.psp_reference

    def test_no_changed_essential_leaves_an_approval(self) -> None:
        others: tuple[Any, ...] = (
            ...,
            None,
            "",
            "other",
            0,
            -1,
            1,
            1051,
            1050.0,
            "1050",
            True,
            False,
            [],
            {},
            [1050],
            {"value": 1050},
        )
        for operation in OPERATIONS:
            body = self.approval(operation)
            for name in self.essential & body.keys():
                for new in others:
                    if new is not ... and type(new) is type(body[name]) and new == body[name]:
                        continue
                    if self.is_harmless(operation, name, new):
                        continue
                    outcome = self.understood(operation, response(changed(body, (name,), new)))
                    assert outcome.kind is not OutcomeKind.APPROVED, (operation, name, new)

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:  # noqa: ARG002 - for subclasses
        """Tell of a change of an essential field that an operation does not rest on."""
        return False

    @BOUNDED
    @given(data=st.data(), operation=st.sampled_from(OPERATIONS), status=STATUSES)
    def test_changed_answers_are_never_approved_unless_the_essentials_stand(
        self, data: st.DataObject, operation: Operation, status: int
    ) -> None:
        body = self.approval(operation)
        for _ in range(data.draw(st.integers(1, 3))):
            paths = list(paths_of(body))
            if not paths:
                break
            body = changed(body, data.draw(st.sampled_from(paths)), data.draw(st.just(...) | JSON_VALUES))
        outcome = self.understood(operation, response(body, status))
        self.check(operation, outcome)
        if outcome.kind is OutcomeKind.APPROVED:
            original = self.approval(operation)
            for name in self.essential & original.keys():
                if not self.is_harmless(operation, name, body.get(name, ...)):
                    assert body[name] == original[name]

    @BOUNDED
    @given(operation=st.sampled_from(OPERATIONS), body=JSON_VALUES, status=STATUSES)
    def test_any_json_is_read_without_raising(self, operation: Operation, body: object, status: int) -> None:
        self.check(operation, self.understood(operation, response(body, status)))

    @BOUNDED
    @given(operation=st.sampled_from(OPERATIONS), body=st.binary(max_size=200), status=STATUSES)
    def test_any_bytes_are_read_without_raising_and_never_approved(
        self, operation: Operation, body: bytes, status: int
    ) -> None:
        outcome = self.understood(operation, response(body, status))
        self.check(operation, outcome)
        assert outcome.kind not in {OutcomeKind.APPROVED, OutcomeKind.NOT_FOUND}

    def test_cut_off_answers_are_unknown(self) -> None:
        for operation in OPERATIONS:
            whole = json.dumps(self.approval(operation)).encode()
            for length in range(len(whole)):
                assert self.understood(operation, response(whole[:length])).kind is OutcomeKind.UNKNOWN

    def test_answers_that_are_not_declared_as_data_are_unknown(self) -> None:
        for operation in OPERATIONS:
            for content_type in ("text/html", "", "application/octet-stream"):
                answer = response(self.approval(operation), content_type=content_type)
                assert self.understood(operation, answer).kind is OutcomeKind.UNKNOWN

    def test_server_errors_without_a_clear_body_are_unknown(self) -> None:
        for operation in OPERATIONS:
            for status in (500, 502, 503, 504):
                for body in (b"", b"<html>bad gateway</html>", b"{}", b"null", b'{"error": null}'):
                    assert self.understood(operation, response(body, status)).kind is OutcomeKind.UNKNOWN

    def test_redirects_and_other_successes_are_unknown(self) -> None:
        for operation in OPERATIONS:
            for status in (204, 301, 302, 307, 308):
                assert self.understood(operation, response(b"", status)).kind is OutcomeKind.UNKNOWN

    def test_a_psp_that_refuses_the_question_settles_nothing(self) -> None:
        for operation in SYNCS:
            for status in (400, 401, 403, 404, 405, 429, 503):
                for body in ({}, {"error": {"code": "unauthorized"}}, {"error": {"code": "invalid_request"}}):
                    assert self.understood(operation, response(body, status)).kind is OutcomeKind.UNKNOWN

    def check(self, operation: Operation, outcome: Outcome) -> None:
        """Check what holds for every outcome that comes from an answer."""
        assert outcome.kind is not OutcomeKind.NOT_SENT
        if outcome.kind is OutcomeKind.NOT_FOUND:
            assert isinstance(operation, Sync)
        if outcome.kind in {OutcomeKind.DECLINED, OutcomeKind.UNKNOWN}:
            assert outcome.code in KNOWN_CODES
        assert not any(secret in repr(outcome) for secret in (CARD_NUMBER, API_KEY))
