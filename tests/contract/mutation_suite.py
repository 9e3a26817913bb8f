"""Answers of a PSP, spoiled in every way, are never an error and never an approval that the spoiled answer isn't.

The corpus is the examples of the PSP's description and the subclass's own answers. Whether a spoiled answer still is an
approval, `still_approved` says, written from the PSP's documentation and not from the connector.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mesh.currencies import exponent_of
from psp_connectors.domain.connector import Connector
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.outcomes import OutcomeKind
from tests.contract.connector_suite import (
    BOUNDED,
    JSON_VALUES,
    STATUSES,
    Path,
    changed,
    check_outcome,
    paths_of,
    response,
    value_of,
)

EVERY_STATUS = (100, 200, 201, 202, 204, 206, 301, 304, 400, 401, 402, 403, 404, 409, 422, 429, 500, 502, 503, 504, 599)
RETYPED: tuple[Any, ...] = (None, True, False, 0, 1, -1, 10**30, 0.5, "", "0", "other", [], {}, [[]], [{}])
NO_DOCUMENTS = (
    b"",
    b"null",
    b"true",
    b"1",
    b'"approved"',
    b"[]",
    b"{}",
    b"[{}]",
    b"\xff\xfe",
    b"\x00",
    b"<html><body>502 Bad Gateway</body></html>",
    b'<?xml version="1.0"?><status>approved</status>',
)
HUGE_SIZE = 200_000
DEEP = 5_000
CUTS = 40

_AMOUNT_TEXT = re.compile(r"[0-9]+(\.[0-9]+)?\Z")
_IDENTIFIER = re.compile(r"(?=.*[0-9_-])[A-Za-z0-9_.:-]{4,}\Z")


@dataclass(frozen=True)
class Answered:
    """One answer of the corpus and the operation it answers; `label` names it when a test fails."""

    label: str
    operation: Operation
    answer: HttpResponse

    @property
    def document(self) -> Any:
        return json.loads(self.answer.body) if self.answer.body else None

    def with_document(self, document: object) -> HttpResponse:
        return replace(self.answer, body=json.dumps(document).encode())


class MutationSuite:
    """Subclass it as `Test...`, and give the connector, the corpus and the judgement."""

    connector: Connector

    def corpus(self) -> Sequence[Answered]:
        """Give answers to operations; those that are no approvals belong in it too."""
        raise NotImplementedError

    def still_approved(self, operation: Operation, answer: HttpResponse, document: Any) -> bool:
        """Tell whether the PSP's documentation calls this answer an approval of what was asked.

        `document` is the body where it is JSON, else None. Written independently of the connector; to say yes too often
        proves less, to say no too often fails the test.
        """
        raise NotImplementedError

    def judge(self, case: Answered, answer: HttpResponse) -> OutcomeKind:
        """Read an answer; fails when reading raises, or approves what the answer does not say to be approved."""
        outcome = settle(case.operation, self.connector.parse(case.operation, answer))
        check_outcome(case.operation, outcome)
        if outcome.kind is OutcomeKind.APPROVED:
            try:
                document = json.loads(answer.body)
            except (ValueError, RecursionError):
                document = None
            shown = answer.body[:600]
            assert self.still_approved(case.operation, answer, document), (case.label, answer.status, shown)
        return outcome.kind

    def test_the_corpus_has_approvals_and_others(self) -> None:
        kinds = [self.judge(case, case.answer) for case in self.corpus()]
        assert OutcomeKind.APPROVED in kinds
        assert set(kinds) != {OutcomeKind.APPROVED}

    def test_the_judgement_can_say_no(self) -> None:
        for case in self.corpus():
            assert not self.still_approved(case.operation, response({}, case.answer.status), {}) or not case.answer.body

    def test_every_dropped_or_retyped_field(self) -> None:
        for case, path in self.places():
            self.judge(case, case.with_document(changed(case.document, path, ...)))
            for new in RETYPED:
                self.judge(case, case.with_document(changed(case.document, path, new)))

    def test_every_wrong_amount(self) -> None:
        for case, path, value in self.values():
            for wrong in wrong_amounts(value):
                self.judge(case, case.with_document(changed(case.document, path, wrong)))

    def test_every_wrong_currency(self) -> None:
        for case, path, value in self.values():
            for wrong in wrong_currencies(value):
                self.judge(case, case.with_document(changed(case.document, path, wrong)))

    def test_every_other_identifier(self) -> None:
        for case, path, value in self.values():
            for wrong in other_identifiers(value):
                self.judge(case, case.with_document(changed(case.document, path, wrong)))

    def test_every_status(self) -> None:
        for case in self.corpus():
            for status in EVERY_STATUS:
                self.judge(case, replace(case.answer, status=status))

    def test_cut_off_anywhere(self) -> None:
        for case in self.corpus():
            body = case.answer.body
            for place in range(0, len(body), max(1, len(body) // CUTS)):
                kind = self.judge(case, replace(case.answer, body=body[:place]))
                assert kind is not OutcomeKind.APPROVED or not body

    def test_what_is_no_answer(self) -> None:
        for case in self.corpus():
            for body in NO_DOCUMENTS:
                for content_type in ("application/json", "text/html", ""):
                    headers = {**case.answer.headers, "content-type": content_type}
                    kind = self.judge(case, replace(case.answer, body=body, headers=headers))
                    assert kind is not OutcomeKind.APPROVED or body == case.answer.body

    def test_huge_and_deep_answers(self) -> None:
        for case in self.corpus():
            if not isinstance(case.document, dict):
                continue
            for huge in (["x"] * HUGE_SIZE, "x" * HUGE_SIZE):
                self.judge(case, case.with_document({**case.document, "more": huge}))
            deep = b"[" * DEEP + b"]" * DEEP
            self.judge(case, replace(case.answer, body=case.answer.body[:-1] + b',"more":' + deep + b"}"))
            return  # one is enough: it is the reading of JSON that is tried

    def test_fields_given_twice(self) -> None:
        for case in self.corpus():
            if isinstance(case.document, dict) and case.document:
                repeated = case.answer.body.rstrip()[:-1] + b"," + json.dumps(case.document).encode()[1:]
                self.judge(case, replace(case.answer, body=repeated))

    def test_answers_to_another_operation(self) -> None:
        corpus = self.corpus()
        for case in corpus:
            for other in corpus:
                self.judge(case, other.answer)

    @BOUNDED
    @given(data=st.data(), status=STATUSES)
    def test_several_changes_at_once(self, data: st.DataObject, status: int) -> None:
        case = data.draw(st.sampled_from(self.corpus()))
        document = case.document
        for _ in range(data.draw(st.integers(1, 5))):
            paths = list(paths_of(document))
            if not paths:
                break
            path = data.draw(st.sampled_from(paths))
            old = value_of(document, path)
            near = [*wrong_amounts(old), *wrong_currencies(old), *other_identifiers(old), *RETYPED]
            document = changed(document, path, data.draw(st.just(...) | st.sampled_from(near) | JSON_VALUES))
        status = data.draw(st.sampled_from((case.answer.status, status)))
        self.judge(case, replace(case.with_document(document), status=status))

    def places(self) -> Iterator[tuple[Answered, Path]]:
        for case in self.corpus():
            for path in paths_of(case.document):
                yield case, path

    def values(self) -> Iterator[tuple[Answered, Path, object]]:
        for case, path in self.places():
            yield case, path, value_of(case.document, path)


def wrong_amounts(value: object) -> list[object]:
    """Give other amounts than this one, which may be an integer or a decimal text."""
    if type(value) is int:
        return [value + 1, value - 1, value * 10, value * 100, value // 2, -value, float(value), str(value)]
    if isinstance(value, str) and _AMOUNT_TEXT.match(value):
        return [value + "1", "1" + value, value + ".5", "-" + value, value + "e2", value.replace(".", ","), " " + value]
    return []


def wrong_currencies(value: object) -> Sequence[object]:
    """Give other currencies than this one, in its case; none for a text that is no currency."""
    if not isinstance(value, str) or exponent_of(value.upper()) is None:
        return []
    others = [currency for currency in ("EUR", "USD", "JPY", "KWD") if currency != value.upper()]
    return [*(other.lower() if value.islower() else other for other in others), value.swapcase(), "XXX", "EURO"]


def other_identifiers(value: object) -> list[object]:
    """Give identifiers of other things than this one; none for a text that looks like no identifier."""
    if not isinstance(value, str) or not _IDENTIFIER.match(value):
        return []
    return [value + "0", value[:-1], value[::-1], value.swapcase(), f" {value}", f"{value}\n", "x" * 200, "é" + value]
