"""The pure chain of the audit: its bytes, its hash, and that no change of a run of records goes unseen."""

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.vault.audit import BEGIN, FakeAudit, chain_of, head_at, record_after
from vault_svc.domain.audit import (
    CHAINS,
    FINDINGS_MAX,
    MEANINGS,
    OVERLAP,
    AuditRecord,
    ChainCheck,
    ChainHead,
    Finding,
    FindingKind,
    PublishedCheck,
    PublishedHeads,
    canonical_bytes,
    contradiction,
    first_head,
    hash_of,
)

TEXTS = ("action", "outcome", "actor", "request_id", "merchant_id", "token_id", "payment_id", "detail")
#: What PostgreSQL keeps as text: anything but NUL and halves of surrogate pairs.
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
records = st.builds(
    AuditRecord,
    chain=st.integers(0, CHAINS - 1),
    sequence=st.integers(1, 2**63 - 1),
    recorded_us=st.integers(-(2**62), 2**62),
    hash=st.just(b""),
    **dict.fromkeys(TEXTS, text),
)


def found(run: list[AuditRecord], head: ChainHead | None = None, start: ChainHead | None = None) -> list[Finding]:
    """Give what a check finds in a run of records and, when given, a head row."""
    check = ChainCheck(start or first_head(0))
    for record in run:
        check.take(record)
    if head is not None:
        check.compare_row(head)
        check.end(head)
    return check.close().kept


def altered(record: AuditRecord, **changes: Any) -> AuditRecord:
    return replace(record, **changes)


def spans(findings: list[Finding]) -> list[tuple[str, int | None, int | None]]:
    return [(finding.kind.value, finding.first, finding.last) for finding in findings]


def chained(run: list[AuditRecord], start: ChainHead) -> list[AuditRecord]:
    """Give the records with the numbers and hashes that they would have if they followed a head."""
    result: list[AuditRecord] = []
    for record in run:
        numbered = replace(record, sequence=start.sequence + 1)
        result.append(replace(numbered, hash=hash_of(start.hash, numbered)))
        start = head_at(result[-1])
    return result


def test_the_bytes_of_a_record_are_its_fields_each_led_by_its_length() -> None:
    record = AuditRecord(7, 12, 1_700_000_000_123_456, "detokenize", "taken", "ü", "", "mer_1", "tok_1", "", "x", b"")
    expected = b"".join(
        len(field.encode()).to_bytes(4, "big") + field.encode()
        for field in ("7", "12", "1700000000123456", "detokenize", "taken", "ü", "", "mer_1", "tok_1", "", "x")
    )
    assert canonical_bytes(record) == expected
    assert hash_of(b"\1" * 32, record) == hashlib.sha256(b"\1" * 32 + expected).digest()


def test_a_chain_begins_with_the_hash_of_its_own_name() -> None:
    assert first_head(31) == ChainHead(31, 0, hashlib.sha256(b"payera.vault.audit.v1/31").digest())
    assert len({first_head(chain).hash for chain in range(CHAINS)}) == CHAINS


@given(records, records)
def test_no_two_records_have_the_same_bytes(one: AuditRecord, other: AuditRecord) -> None:
    assert (canonical_bytes(one) == canonical_bytes(other)) is (one == other)


@given(records, st.sampled_from(["x|y", "xy|"]), st.sampled_from(list(pairwise(TEXTS))))
def test_no_text_can_slip_from_one_field_into_the_next(record: AuditRecord, cut: str, names: tuple[str, str]) -> None:
    first, second = cut.split("|")
    moved = altered(record, **{names[0]: first, names[1]: second})
    whole = altered(record, **{names[0]: first + second, names[1]: ""})
    assert (canonical_bytes(moved) == canonical_bytes(whole)) is (moved == whole)


@given(st.integers(0, 20))
def test_an_untouched_chain_has_no_findings(count: int) -> None:
    run = chain_of(count)
    assert found(run, head_at(run[-1]) if run else first_head(0)) == []


@given(st.integers(1, 20), st.data())
def test_any_changed_field_of_any_record_is_found_where_it_is(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    place = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from([*TEXTS, "recorded_us"]))
    value = data.draw(st.integers(-(2**62), 2**62) if name == "recorded_us" else text)
    changed = altered(run[place], **{name: value})
    expected = [] if changed == run[place] else [("record_changed", place + 1, place + 1)]
    assert spans(found([*run[:place], changed, *run[place + 1 :]], head_at(run[-1]))) == expected


@given(st.integers(1, 20), st.data())
def test_a_changed_hash_is_told_from_a_changed_field(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    place = data.draw(st.integers(0, count - 1))
    forged = replace(run[place], hash=data.draw(st.binary(min_size=32, max_size=32)))
    assert spans(found([*run[:place], forged, *run[place + 1 :]], head_at(run[-1]))) == [
        ("hash_changed", place + 1, place + 1)
    ]


@given(st.integers(2, 20), st.data())
def test_any_run_removed_from_the_middle_is_found_whole(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    first = data.draw(st.integers(0, count - 2))
    last = data.draw(st.integers(first, count - 2))
    assert spans(found(run[:first] + run[last + 1 :], head_at(run[-1]))) == [("records_missing", first + 1, last + 1)]


@given(st.integers(1, 20), st.data())
def test_any_tail_removed_is_found_by_the_head_row(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    left = data.draw(st.integers(0, count - 1))
    assert spans(found(run[:left], head_at(run[-1]))) == [("tail_missing", left + 1, count)]


@given(st.integers(2, 20), st.data())
def test_any_two_records_exchanged_are_found(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    first, second = sorted(data.draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True)))
    run[first], run[second] = (
        replace(run[second], sequence=run[first].sequence),
        replace(run[first], sequence=run[second].sequence),
    )
    findings = found(run, head_at(chain_of(count)[-1]))
    assert findings[0].first == first + 1
    assert {finding.kind for finding in findings} == {FindingKind.RECORD_CHANGED}
    assert any((finding.first or 0) <= second + 1 <= (finding.last or 0) for finding in findings)


@given(st.integers(1, 20), st.data())
def test_a_record_put_in_with_the_later_ones_moved_on_is_found_from_there_on(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    place = data.draw(st.integers(0, count - 1))
    before = head_at(run[place - 1]) if place else first_head(0)
    # The forger even gives the forged record its right hash.
    forged = record_after(before, actor="mallory")
    moved = [replace(record, sequence=record.sequence + 1) for record in run[place:]]
    findings = found([*run[:place], forged, *moved], replace(head_at(run[-1]), sequence=count + 1))
    assert spans(findings) == [("record_changed", place + 2, count + 1)]


@given(st.integers(1, 20))
def test_a_record_put_in_behind_the_head_row_is_found(count: int) -> None:
    run = chain_of(count + 1)
    check = ChainCheck(first_head(0))
    for record in run[:count]:
        check.take(record)
    check.compare_row(head_at(run[count - 1]))
    check.take(run[count])
    check.end(head_at(run[count - 1]))
    assert spans(check.close().kept) == [("records_beyond_head", count + 1, count + 1)]


@given(st.integers(2, 20), st.data())
def test_a_chain_written_anew_is_found_by_an_older_published_head_and_by_none_before_it(
    count: int, data: st.DataObject
) -> None:
    run = chain_of(count)
    place = data.draw(st.integers(0, count - 1))
    published = data.draw(st.integers(1, count))
    forged = [replace(run[place], actor="mallory"), *run[place + 1 :]]
    rewritten = run[:place] + chained(forged, head_at(run[place - 1]) if place else first_head(0))
    check = ChainCheck(first_head(0))
    for record in rewritten:
        check.take(record)
        if record.sequence == published:
            check.compare(head_at(run[published - 1]), "offset 3")
    check.compare_row(head_at(rewritten[-1]))
    expected = [("rewritten", 1, published)] if published > place else []
    assert spans(check.close().kept) == expected


def test_what_was_written_anew_lies_behind_the_last_published_head_that_fits() -> None:
    run = chain_of(10)
    forged = run[:5] + chained([replace(run[5], actor="mallory"), *run[6:]], head_at(run[4]))
    check = ChainCheck(first_head(0))
    for record in forged:
        check.take(record)
        if record.sequence in {3, 4, 7, 9}:
            check.compare(head_at(run[record.sequence - 1]), f"offset {record.sequence}")
    (finding,) = check.close().kept
    assert (finding.kind, finding.first, finding.last, finding.evidence) == (FindingKind.REWRITTEN, 5, 9, "offset 7")


@given(st.integers(1, 20), st.data())
def test_a_tail_cut_off_with_the_head_row_is_found_by_any_head_published_of_it(count: int, data: st.DataObject) -> None:
    run = chain_of(count)
    left = data.draw(st.integers(0, count - 1))
    check = ChainCheck(first_head(0))
    for record in run[:left]:
        check.take(record)
    for published in sorted(data.draw(st.lists(st.integers(left + 1, count), min_size=1, unique=True))):
        check.end_before(head_at(run[published - 1]), f"offset {published}")
    row = head_at(run[left - 1]) if left else first_head(0)
    check.compare_row(row)
    check.end(row)
    assert spans(check.close().kept) == [("cut_off", left + 1, published)]


def test_a_published_head_settles_whether_a_field_or_the_hash_was_changed() -> None:
    run = chain_of(1)
    for forged, kind in (
        (replace(run[0], actor="mallory"), "record_changed"),
        (replace(run[0], hash=b"\0" * 32), "hash_changed"),
    ):
        check = ChainCheck(first_head(0))
        check.take(forged)
        check.compare(head_at(run[0]), "offset 1")
        assert spans(check.close().kept) == [(kind, 1, 1)]


def test_the_head_row_alone_changed_is_found() -> None:
    run = chain_of(3)
    assert spans(found(run, ChainHead(0, 3, b"\0" * 32))) == [("head_changed", 3, 3)]
    check = ChainCheck(first_head(0))
    check.end(None)
    assert spans(check.close().kept) == [("head_missing", None, None)]


def test_places_that_are_taken_or_none_are_found() -> None:
    run = chain_of(3)
    below = replace(run[0], sequence=0)
    assert spans(found([below, run[0], run[1], run[1], run[2]])) == [
        ("record_unexpected", 0, 0),
        ("record_unexpected", 2, 2),
    ]


def test_a_check_may_begin_at_any_head() -> None:
    run = chain_of(6)
    assert found(run[3:], head_at(run[-1]), start=head_at(run[2])) == []
    forged = replace(run[4], detail="else")
    assert spans(found([run[3], forged, run[5]], start=head_at(run[2]))) == [("record_changed", 5, 5)]


def test_a_published_head_of_a_record_taken_before_is_compared_with_what_is_stored() -> None:
    run = chain_of(3)
    check = ChainCheck(head_at(run[2]))
    check.compare_earlier(head_at(run[1]), run[1].hash, "offset 1")
    check.compare_earlier(head_at(run[1]), b"\0" * 32, "offset 2")
    check.compare_earlier(head_at(run[0]), None, "offset 3")
    assert spans(check.close().kept) == [("rewritten", 2, 2), ("cut_off", 1, 1)]


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    run = chain_of(3 * FINDINGS_MAX)
    # Every second record removed: as many gaps.
    check = ChainCheck(first_head(0))
    for record in run[1::2]:
        check.take(record)
    findings = check.close()
    assert len(findings.kept) == FINDINGS_MAX
    assert findings.left_out == len(run) // 2 - FINDINGS_MAX


def test_every_kind_has_words_and_every_finding_says_where() -> None:
    assert set(MEANINGS) == set(FindingKind)
    assert str(Finding(FindingKind.CUT_OFF, 3, 4, 9, "offset 2")).startswith("chain 3 records 4-9: cut off")
    assert str(Finding(FindingKind.HEAD_MISSING, 3)) == "chain 3: the chain's head row is missing"
    assert "record 4:" in str(Finding(FindingKind.HASH_CHANGED, 3, 4, 4))
    assert {field.name for field in fields(AuditRecord)} == {"chain", "sequence", "recorded_us", "hash", *TEXTS}


class TestPublished:
    """Published heads compared with each other."""

    @pytest.fixture
    def audit(self) -> FakeAudit:
        audit = FakeAudit()
        audit.append(4, 10)
        return audit

    def check(self, *published: PublishedHeads) -> list[tuple[str, int | None, int | None, int | None]]:
        check = PublishedCheck()
        for each in published:
            check.take(each)
        return [(one.kind.value, one.chain, one.first, one.last) for one in check.findings.kept]

    def test_heads_that_grow_or_stay_are_fine(self, audit: FakeAudit) -> None:
        first, second = audit.publish(0), audit.publish(1)
        audit.append(4)
        assert self.check(first, second, audit.publish(2, "pub_2")) == []

    def test_heads_that_go_backwards_are_found_once_until_the_chain_is_past_them(self, audit: FakeAudit) -> None:
        first = audit.publish(0)
        audit.cut(4, 6, head_row=True)
        second, third = audit.publish(1), audit.publish(2)
        audit.append(4, 5)
        assert self.check(first, second, third, audit.publish(3)) == [("heads_backwards", 4, 6, 10)]

    @pytest.mark.parametrize(("later", "expected"), [(OVERLAP, 0), (OVERLAP + timedelta(seconds=1), 1)])
    def test_another_publisher_may_be_a_moment_late(self, audit: FakeAudit, later: timedelta, expected: int) -> None:
        first = audit.publish(0, "pub_1")
        audit.cut(4, 6, head_row=True)
        late = audit.publish(1, "pub_2", read_at=BEGIN + later)
        assert len(self.check(first, late)) == expected

    def test_two_hashes_of_one_record_contradict_whoever_published_them(self, audit: FakeAudit) -> None:
        first = audit.publish(0)
        audit.head_rows[4] = replace(audit.head_rows[4], hash=b"\0" * 32)
        assert self.check(first, audit.publish(1, "pub_2")) == [("heads_contradict", 4, 10, 10)]

    def test_a_chain_left_out_is_found_once(self, audit: FakeAudit) -> None:
        del audit.head_rows[9]
        assert self.check(audit.publish(0), audit.publish(1)) == [("heads_incomplete", 9, None, None)]

    def test_a_chain_that_does_not_exist_is_found(self, audit: FakeAudit) -> None:
        audit.head_rows[32] = first_head(32)
        assert self.check(audit.publish(0)) == [("chain_unknown", 32, None, None)]

    def test_evidence_says_when_and_where(self, audit: FakeAudit) -> None:
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert str(audit.publish(7, kept_at=moment)) == "heads published 2026-01-02 03:04:05Z, offset 7"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        pytest.param(lambda audit: audit.append(2), None, id="grown"),
        pytest.param(lambda audit: audit.cut(4, 5, head_row=True), 4, id="cut"),
        pytest.param(lambda audit: audit.head_rows.pop(4), 4, id="gone"),
        pytest.param(lambda audit: audit.head_rows.update({4: ChainHead(4, 10, b"\0" * 32)}), 4, id="changed"),
    ],
)
def test_a_publisher_sees_when_heads_can_not_follow_from_those_before(
    change: Callable[[FakeAudit], None], wrong: int | None
) -> None:
    audit = FakeAudit()
    audit.append(4, 10)
    before = tuple(audit.heads())
    change(audit)
    head = contradiction(before, tuple(audit.heads()))
    assert (head.chain if head else None) == wrong
