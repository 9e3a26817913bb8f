"""What every connector must do, whichever PSP it speaks to: a subclass names the connector and its PSP's answers.

A PSP may answer at once or acknowledge, may have no questions, may speak JSON or forms, may have our key nowhere: the
suite takes that from the connector's capabilities and from what the subclass says, never from the connector's own code.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psp_connectors.domain.connector import Account, Connector, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Operation, OperationKind, Sync, kind_of
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind
from tests.fakes.connectors.ports import (
    API_KEY,
    CARD_CODE,
    CARD_NUMBER,
    KEY,
    account,
    authorization,
    capture,
    refund,
    reversal,
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
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)
OTHER_VALUES: tuple[Any, ...] = (
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
"""What an essential field is changed to; `...` drops it."""
PSP_REFERENCES = ("psp_reference", "payment_psp_reference", "capture_psp_reference")
ESCAPING_REFERENCES = ("../x?y#z", "a/b", "..", ".", "a\r\nb", "%2e%2e/x", "a&b=c", "")

Path = tuple[Any, ...]


def response(body: object, status: int = 200, content_type: str = "application/json") -> HttpResponse:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, headers={"content-type": content_type}, body=encoded)


def paths_of(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value inside a JSON value, through objects and lists."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths_of(inner, (*path, place))


def value_of(value: Any, path: Path) -> Any:
    """Give what stands at a path; `...` when it leads nowhere."""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return ...
    return value


def changed(value: Any, path: Path, new: object) -> Any:
    """Give a copy in which another value stands at a path; `...` drops it."""
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    inner = changed(copy[path[0]], path[1:], new) if len(path) > 1 else new
    if inner is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = inner
    return copy


def path_of(text: str) -> Path:
    """Give the path that a text such as `purchase_units.0.amount.value` names."""
    return tuple(int(step) if step.isdecimal() else step for step in text.split("."))


class ConnectorSuite:
    """Subclass it as `Test...`, and give the connector, its PSP's answers, and what they rest on.

    What must be given: `connector`, `approval` or `answer_to`, and `essential` or `essentials`. The rest has the values
    of a PSP like the sandbox: an API key in a header, four questions by our reference, answers at once.
    """

    connector: Connector
    #: Fields of a success without which, or with another value of which, it is no success of what was asked: names, or
    #: paths such as `amount.value` and `purchase_units.0.reference_id`.
    essential: frozenset[str] = frozenset()

    def account(self) -> Account:
        return account(base_url="https://psp.example/base")

    def credentials(self) -> Sequence[str]:
        """Give the account's secrets as they are sent, one of which is in a header of every request.

        What is encoded on its way (Basic, a signature) is given both ways: as it is sent, and as it is.
        """
        return (API_KEY,)

    def operations(self) -> Sequence[Operation]:
        """Give at least one of each operation that the connector has, questions included."""
        return OPERATIONS

    def approval(self, operation: Operation) -> Any:
        """Give the document with which the PSP goes along with an operation, which is what the operation asks for."""
        raise NotImplementedError

    def answer_to(self, operation: Operation) -> HttpResponse:
        """Give the whole answer of success: `approval` with status 200, unless overridden."""
        return response(self.approval(operation))

    def success_of(self, operation: Operation) -> OutcomeKind:  # noqa: ARG002 - for subclasses
        """Give what a success is: PENDING for what the PSP only acknowledges."""
        return OutcomeKind.APPROVED

    def essentials(self, operation: Operation) -> frozenset[str]:  # noqa: ARG002 - for subclasses
        """Give the essential fields of one operation's success."""
        return self.essential

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:  # noqa: ARG002 - for subclasses
        """Tell of a change of an essential field that an operation does not rest on."""
        return False

    def understood(self, operation: Operation, answer: HttpResponse) -> Outcome:
        return settle(operation, self.connector.parse(operation, answer))

    def actions(self) -> list[Operation]:
        return [operation for operation in self.operations() if not isinstance(operation, Sync)]

    def questions(self) -> list[Operation]:
        return [operation for operation in self.operations() if isinstance(operation, Sync)]

    def document_of(self, operation: Operation) -> Any:
        """Give the success as a document; None for an answer without a body."""
        answer = self.answer_to(operation)
        return json.loads(answer.body) if answer.body else None

    def with_document(self, operation: Operation, document: object, status: int | None = None) -> HttpResponse:
        """Give the answer of success with another body, and another status where one is given."""
        answer = self.answer_to(operation)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return replace(answer, body=body, status=answer.status if status is None else status)

    def is_success(self, operation: Operation, outcome: Outcome) -> bool:
        return outcome.kind in {OutcomeKind.APPROVED, self.success_of(operation)}

    def test_capabilities_cover_what_is_tried(self) -> None:
        kinds = {kind_of(operation) for operation in self.actions()}
        able = set(self.connector.capabilities.operations)
        assert kinds == able, f"`operations()` tries {_names(kinds)}, the capabilities have {_names(able)}"
        askable = {kind for kind, capability in self.connector.capabilities.operations.items() if capability.ask_by}
        asked = {kind_of(operation) for operation in self.questions()}
        assert asked == askable, (
            f"`operations()` asks about {_names(asked)}, by `ask_by` it could about {_names(askable)}"
        )

    def test_what_is_not_a_capability_is_not_sent(self) -> None:
        tried = {kind_of(operation) for operation in self.actions()}
        for operation in (*ACTIONS, reversal()):
            if kind_of(operation) not in tried:
                try:
                    self.connector.build(operation, self.account())
                except Unsendable:
                    continue
                raise AssertionError(f"{operation} was built")

    def test_requests_go_to_the_accounts_address_with_its_key(self) -> None:
        for operation in self.operations():
            request = self.connector.build(operation, self.account())
            assert request.url.startswith(f"{self.account().base_url}/"), request.url
            found = any(secret in value for value in request.headers.values() for secret in self.credentials())
            assert found, f"no header of {sorted(request.headers)} has one of `credentials()`, as it is sent"
            assert urlsplit(request.url).query.isascii()

    def test_secrets_are_in_no_address(self) -> None:
        for operation in self.operations():
            url = self.connector.build(operation, self.account()).url
            assert not any(secret in url for secret in (*self.credentials(), CARD_NUMBER, CARD_CODE))

    def test_nothing_shows_the_card_or_a_secret(self) -> None:
        for operation in self.operations():
            request = self.connector.build(operation, self.account())
            assert not any(secret in repr(request) for secret in (*self.credentials(), CARD_NUMBER))

    def test_building_is_a_function(self) -> None:
        for operation in self.operations():
            first, second = (self.connector.build(operation, self.account()) for _ in range(2))
            assert (first.url, first.headers, first.body) == (second.url, second.headers, second.body)

    def test_bodies_say_what_they_are(self) -> None:
        for operation in self.operations():
            request = self.connector.build(operation, self.account())
            names = [name.lower() for name in request.headers]
            assert len(names) == len(set(names))
            assert ("content-type" in names) or not request.body
            assert not (isinstance(operation, Sync) and request.body)

    def test_every_action_carries_the_idempotency_key(self) -> None:
        for operation in self.actions():
            assert not isinstance(operation, Sync)
            kind, longest = kind_of(operation), self.connector.capabilities.idempotency_key_max_length
            remembers = self.connector.capabilities.operations[kind].repeat_seconds > 0
            assert longest or not remembers, f"{kind}: `repeat_seconds` needs keys, `idempotency_key_max_length` is 0"
            # The core's keys have the length of this one; 0 is for a PSP that takes none.
            assert not longest or len(operation.idempotency_key) <= longest, f"the PSP would not take {KEY!r}"
            if remembers:
                sent = _sent(self.connector.build(operation, self.account()))
                assert operation.idempotency_key in sent, f"{kind}: the key is neither in a header nor in the body"

    def test_references_cannot_leave_their_place_in_the_address(self) -> None:
        for operation in self.operations():
            plain = urlsplit(self.connector.build(operation, self.account()).url)
            names = [name for name in PSP_REFERENCES if getattr(operation, name, "")]
            for name, reference in product(names, ESCAPING_REFERENCES):
                if isinstance(operation, Sync) and not reference:
                    continue  # what is not known is asked for in another way
                changes: dict[str, Any] = {name: reference}
                try:
                    url = urlsplit(self.connector.build(replace(operation, **changes), self.account()).url)
                except Unsendable:
                    continue
                assert {"", ".", ".."}.isdisjoint(unquote(step) for step in url.path.split("/")[1:])
                assert len(url.path.split("/")) == len(plain.path.split("/"))
                assert (_fields(url.query), url.fragment) == (_fields(plain.query), plain.fragment)
                assert url.geturl().isascii()
                assert url.geturl().isprintable()
                assert " " not in url.geturl()

    def test_approvals_are_approvals(self) -> None:
        for operation in self.operations():
            outcome = self.understood(operation, self.answer_to(operation))
            assert outcome.kind is self.success_of(operation), (operation, outcome)
            assert outcome.psp_reference, "what has no id of its own, as some captures, has its payment's"

    def test_no_changed_essential_leaves_an_approval(self) -> None:
        for operation in self.operations():
            body = self.document_of(operation)
            for name in self.essentials(operation):
                path = path_of(name)
                old = value_of(body, path)
                if old is ...:
                    continue
                for new in OTHER_VALUES:
                    if new is not ... and type(new) is type(old) and new == old:
                        continue
                    if self.is_harmless(operation, name, new):
                        continue
                    outcome = self.understood(operation, self.with_document(operation, changed(body, path, new)))
                    assert not self.is_success(operation, outcome), (operation, name, new)

    def test_essentials_are_there(self) -> None:
        for operation in self.operations():
            names = self.essentials(operation)
            body = self.document_of(operation)
            found = {name for name in names if value_of(body, path_of(name)) is not ...}
            assert found or body is None, f"{operation}: its success has none of `essentials()`: {sorted(names)}"

    @BOUNDED
    @given(data=st.data(), status=STATUSES)
    def test_changed_answers_are_never_approved_unless_the_essentials_stand(
        self, data: st.DataObject, status: int
    ) -> None:
        operation = data.draw(st.sampled_from(self.operations()))
        body = original = self.document_of(operation)
        for _ in range(data.draw(st.integers(1, 3))):
            paths = list(paths_of(body))
            if not paths:
                break
            body = changed(body, data.draw(st.sampled_from(paths)), data.draw(st.just(...) | JSON_VALUES))
        outcome = self.understood(operation, self.with_document(operation, body, status))
        self.check(operation, outcome)
        if outcome.kind is OutcomeKind.APPROVED and original is not None:
            for name in self.essentials(operation):
                old, new = value_of(original, path_of(name)), value_of(body, path_of(name))
                if old is not ... and not self.is_harmless(operation, name, new):
                    assert new == old

    @BOUNDED
    @given(data=st.data(), body=JSON_VALUES, status=STATUSES)
    def test_any_json_is_read_without_raising(self, data: st.DataObject, body: object, status: int) -> None:
        operation = data.draw(st.sampled_from(self.operations()))
        self.check(operation, self.understood(operation, response(body, status)))

    @BOUNDED
    @given(data=st.data(), body=st.binary(min_size=1, max_size=200), status=STATUSES)
    def test_any_bytes_are_read_without_raising_and_never_approved(
        self, data: st.DataObject, body: bytes, status: int
    ) -> None:
        operation = data.draw(st.sampled_from(self.operations()))
        outcome = self.understood(operation, response(body, status))
        self.check(operation, outcome)
        assert outcome.kind not in {OutcomeKind.APPROVED, OutcomeKind.NOT_FOUND}

    def test_cut_off_answers_are_unknown(self) -> None:
        for operation in self.operations():
            whole = self.answer_to(operation).body
            for length in range(len(whole)):
                cut = self.understood(operation, self.with_document(operation, whole[:length]))
                assert cut.kind is OutcomeKind.UNKNOWN, (operation, whole[:length])

    def test_answers_that_are_not_declared_as_data_are_unknown(self) -> None:
        for operation in self.operations():
            answer = self.answer_to(operation)
            for content_type in ("text/html", "", "application/octet-stream"):
                other = replace(answer, headers={**answer.headers, "content-type": content_type})
                assert not answer.body or self.understood(operation, other).kind is OutcomeKind.UNKNOWN

    def test_server_errors_without_a_clear_body_are_unknown(self) -> None:
        for operation in self.operations():
            for status in (500, 502, 503, 504):
                for body in (b"", b"<html>bad gateway</html>", b"{}", b"null", b'{"error": null}'):
                    assert self.understood(operation, response(body, status)).kind is OutcomeKind.UNKNOWN

    def test_redirects_and_other_successes_are_unknown(self) -> None:
        for operation in self.operations():
            success = self.answer_to(operation)
            for status in (204, 301, 302, 307, 308):
                if success.body or status != success.status:
                    assert self.understood(operation, response(b"", status)).kind is OutcomeKind.UNKNOWN

    def test_a_psp_that_refuses_the_question_settles_nothing(self) -> None:
        for operation in self.questions():
            for status in (400, 401, 403, 404, 405, 429, 503):
                for body in ({}, {"error": {"code": "unauthorized"}}, {"error": {"code": "invalid_request"}}):
                    assert self.understood(operation, response(body, status)).kind is OutcomeKind.UNKNOWN

    def check(self, operation: Operation, outcome: Outcome) -> None:
        """Check what holds for every outcome that comes from an answer."""
        check_outcome(operation, outcome, self.credentials())


def check_outcome(operation: Operation, outcome: Outcome, credentials: Sequence[str] = (API_KEY,)) -> None:
    """Check what holds for every outcome that comes from an answer, whatever the answer was."""
    assert outcome.kind is not OutcomeKind.NOT_SENT
    if outcome.kind is OutcomeKind.NOT_FOUND:
        assert isinstance(operation, Sync)
    if outcome.kind in {OutcomeKind.DECLINED, OutcomeKind.UNKNOWN}:
        assert outcome.code in KNOWN_CODES
    assert not any(secret in repr(outcome) for secret in (CARD_NUMBER, *credentials))


def _names(kinds: Iterable[OperationKind]) -> str:
    return ", ".join(sorted(kinds)) or "nothing"


def _fields(query: str) -> list[str]:
    """Give the names in a query: what stands for a name may be a reference."""
    return [name for name, _ in parse_qsl(query, keep_blank_values=True)]


def _sent(request: HttpRequest) -> str:
    """Give headers and body as one text, a form's escapes resolved."""
    return " ".join(request.headers.values()) + request.body.decode() + unquote_plus(request.body.decode())
