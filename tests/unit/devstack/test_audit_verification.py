"""The way through audit and published heads side by side: what it finds, where it ends, what it keeps in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devstack.audit import records, report, verification
from devstack.audit.errors import CannotVerifyError, HeadsUnavailableError
from devstack.audit.records import records_of_token
from devstack.audit.verification import SILENCE, Outcome, verify
from tests.fakes.vault.audit import BEGIN, FakeAudit, chain_of, head_at
from vault_svc.domain.audit import (
    CHAINS,
    AuditRecord,
    ChainHead,
    Finding,
    FindingKind,
    PublishedHeads,
    first_head,
)

Span = tuple[str, int | None, int | None, int | None]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "PAGE", 4)
    monkeypatch.setattr(records, "PAGE", 4)


@pytest.fixture
def audit() -> FakeAudit:
    audit = FakeAudit()
    audit.append(4, 10)
    audit.append(7, 3)
    return audit


def outcome_of(audit: FakeAudit, published: Iterable[PublishedHeads] = (), *, since: bool = False) -> Outcome:
    return verify(audit, published, lambda _done, _total: None, since=since, now=BEGIN)


def spans(outcome: Outcome) -> list[Span]:
    return [(one.kind.value, one.chain, one.first, one.last) for one in outcome.findings]


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def rewrite(audit: FakeAudit, chain: int, place: int) -> None:
    """Write a chain anew from a record on, as whoever has the database would: every hash and the head row fit."""
    later = audit.rows[chain][place - 1 :]
    audit.cut(chain, place - 1, head_row=True)
    audit.append(chain, actor="mallory")
    audit.append(chain, len(later) - 1)


def test_an_untouched_audit_is_intact(audit: FakeAudit) -> None:
    early = audit.publish(0)
    audit.append(4, 5)
    outcome = outcome_of(audit, [early, audit.publish(1)])
    assert (outcome.exit_code, outcome.records, outcome.publications) == (0, 18, 2)
    assert (outcome.oldest, outcome.newest and outcome.newest.offset) == (early, 1)


def test_an_empty_audit_is_intact() -> None:
    audit = FakeAudit()
    assert outcome_of(audit, [audit.publish(0)]).exit_code == 0


def test_a_changed_record_is_found_whatever_is_published(audit: FakeAudit) -> None:
    published = audit.publish(0)
    audit.rows[4][5] = replace(audit.rows[4][5], token_id="tok_other")
    for heads in ([], [published]):
        outcome = outcome_of(audit, heads)
        assert outcome.exit_code == 1
        assert spans(outcome) == [("record_changed", 4, 6, 6)]


def test_a_record_missing_where_heads_were_published_is_missing_in_the_middle(audit: FakeAudit) -> None:
    published = audit.publish(0)
    audit.append(4, 2)
    del audit.rows[4][9]
    assert spans(outcome_of(audit, [published, audit.publish(1)])) == [("records_missing", 4, 10, 10)]


def test_a_cut_tail_is_found_by_the_head_row(audit: FakeAudit) -> None:
    audit.cut(4, 6, head_row=False)
    assert spans(outcome_of(audit)) == [("tail_missing", 4, 7, 10)]


def test_a_cut_tail_with_its_head_row_is_found_by_published_heads_alone(audit: FakeAudit) -> None:
    published = [audit.publish(0)]
    audit.append(4, 5)
    published += [audit.publish(1), audit.publish(2)]
    audit.cut(4, 8, head_row=True)
    assert outcome_of(audit).exit_code == 0
    outcome = outcome_of(audit, published)
    assert spans(outcome) == [("cut_off", 4, 9, 15)]
    assert "offset 1" in outcome.findings[0].evidence


def test_a_whole_chain_removed_with_its_head_row_is_found(audit: FakeAudit) -> None:
    published = audit.publish(0)
    audit.cut(4, 0, head_row=False)
    del audit.head_rows[4]
    assert spans(outcome_of(audit, [published])) == [("head_missing", 4, None, None), ("cut_off", 4, 1, 10)]


def test_a_head_row_removed_does_not_hide_what_else_is_wrong_with_its_chain(audit: FakeAudit) -> None:
    audit.append(4, 200)
    audit.rows[4][150] = replace(audit.rows[4][150], actor="mallory")
    del audit.head_rows[4]
    assert spans(outcome_of(audit)) == [("record_changed", 4, 151, 151), ("head_missing", 4, None, None)]


def test_a_chain_written_anew_is_found_by_an_older_head_although_newer_ones_fit(audit: FakeAudit) -> None:
    published = [audit.publish(0)]
    rewrite(audit, 4, 8)
    audit.append(4, 3)
    published.append(audit.publish(1))
    assert outcome_of(audit, published[1:]).exit_code == 0
    outcome = outcome_of(audit, published)
    assert spans(outcome) == [("rewritten", 4, 1, 10)]
    assert "offset 0" in outcome.findings[0].evidence


def test_heads_that_go_backwards_are_found_although_the_chain_holds_them_all(audit: FakeAudit) -> None:
    early = audit.publish(0)
    audit.append(4, 3)
    late = audit.publish(1)
    again = replace(early, offset=2, read_at=late.read_at + timedelta(hours=1))
    assert spans(outcome_of(audit, [early, late, again])) == [("heads_backwards", 4, 10, 13)]


def test_a_late_head_that_the_chain_does_not_hold_is_found(audit: FakeAudit) -> None:
    early = audit.publish(0)
    audit.append(4, 3)
    forged = [ChainHead(4, 10, b"\0" * 32) if head.chain == 4 else head for head in early.heads]
    late = replace(early, offset=2, publisher="pub_2", heads=tuple(forged))
    assert spans(outcome_of(audit, [early, audit.publish(1), late])) == [("rewritten", 4, 10, 10)]


class TestRemovedHeads:
    """A topic that begins again: its oldest heads are much younger than the first record."""

    def first_record(self, age: timedelta) -> FakeAudit:
        audit = FakeAudit()
        audit.append(7, recorded_us=_microseconds(BEGIN - timedelta(minutes=1)))
        audit.append(4, recorded_us=_microseconds(BEGIN - age))
        audit.append(4, 5)
        return audit

    def test_heads_that_begin_long_after_the_first_record_were_removed(self) -> None:
        audit = self.first_record(SILENCE + timedelta(seconds=1))
        outcome = outcome_of(audit, [audit.publish(0), audit.publish(1)])
        assert spans(outcome) == [("heads_removed", None, None, None)]
        assert outcome.exit_code == 1
        assert outcome.findings[0].evidence == (
            "the oldest is of 2026-11-21T12:00:00Z, chain 4 begins at 2026-11-21T09:59:59Z: "
            "the topic was made anew, or nobody published until then"
        )

    def test_a_new_installation_publishes_soon_enough(self) -> None:
        audit = self.first_record(SILENCE)
        assert outcome_of(audit, [audit.publish(0)]).exit_code == 0

    @pytest.mark.parametrize(("days", "kinds"), [(399, []), (398, []), (397, ["heads_removed"])])
    def test_heads_as_old_as_any_that_kafka_keeps_may_be_the_oldest(self, days: int, kinds: list[str]) -> None:
        audit = self.first_record(timedelta(days=900))
        published = [audit.publish(0, kept_at=BEGIN - timedelta(days=days)), audit.publish(1)]
        assert [kind for kind, *_ in spans(outcome_of(audit, published))] == kinds

    def test_what_the_topic_itself_tells_is_told_once(self) -> None:
        audit = self.first_record(timedelta(days=9))
        # Heads before these were removed from the same topic: the topic says so, from its offsets.
        assert outcome_of(audit, [audit.publish(3)]).exit_code == 0

    def test_since_heads_begin_where_it_was_told(self) -> None:
        audit = self.first_record(timedelta(days=9))
        assert outcome_of(audit, [audit.publish(0)], since=True).exit_code == 0

    def test_a_moment_that_no_calendar_has_is_told_all_the_same(self) -> None:
        audit = FakeAudit()
        audit.append(4, recorded_us=-(2**63))
        assert "heads_removed" in [kind for kind, *_ in spans(outcome_of(audit, [audit.publish(0)]))]


def test_heads_that_contradict_each_other_are_found(audit: FakeAudit) -> None:
    first = audit.publish(0)
    forged = [ChainHead(4, 10, b"\0" * 32) if head.chain == 4 else head for head in first.heads]
    assert spans(outcome_of(audit, [first, audit.publish(1, heads=tuple(forged))])) == [
        ("heads_contradict", 4, 10, 10),
        ("rewritten", 4, 10, 10),
    ]


def test_records_and_head_rows_of_chains_that_do_not_exist_are_found(audit: FakeAudit) -> None:
    audit.head_rows[CHAINS] = first_head(CHAINS)
    assert spans(outcome_of(audit)) == [("chain_unknown", CHAINS, None, None)]


def test_what_is_no_longer_guarded_is_found_first(audit: FakeAudit) -> None:
    audit.guard_findings.append(Finding(FindingKind.GUARD_DISABLED, evidence="trigger"))
    audit.cut(4, 6, head_row=False)
    assert [kind for kind, *_ in spans(outcome_of(audit))] == ["guard_disabled", "tail_missing"]


def test_a_head_row_set_back_makes_records_behind_it(audit: FakeAudit) -> None:
    audit.head_rows[4] = head_at(audit.rows[4][5])
    assert spans(outcome_of(audit)) == [("records_beyond_head", 4, 7, 10)]


def test_a_record_put_in_far_behind_the_end_is_found(audit: FakeAudit) -> None:
    audit.rows[7].append(replace(audit.rows[7][-1], sequence=1_000_000))
    assert spans(outcome_of(audit)) == [("records_missing", 7, 4, 999_999), ("records_beyond_head", 7, 4, 1_000_000)]


def test_a_head_published_of_nothing_is_compared_with_the_beginning(audit: FakeAudit) -> None:
    forged = tuple(replace(head, hash=b"\0" * 32) if head.chain == 0 else head for head in audit.heads())
    assert spans(outcome_of(audit, [audit.publish(0, heads=forged)])) == [("rewritten", 0, 0, 0)]


class Growing(FakeAudit):
    """An audit to which others append with each page that is read."""

    def records(self, chain: int, after: int, limit: int) -> list[AuditRecord]:
        found = super().records(chain, after, limit)
        self.append(chain, 2)
        return found


def test_an_audit_that_grows_meanwhile_is_intact_and_the_verification_ends() -> None:
    audit = Growing()
    audit.append(4, 50)
    outcome = outcome_of(audit, [audit.publish(0)])
    assert outcome.exit_code == 0
    assert outcome.records >= 50


def test_memory_holds_a_page_of_each_chain_however_long_it_is(audit: FakeAudit) -> None:
    audit.append(4, 2_000)
    reading = verification._Verification(audit, lambda _done, _total: None)
    reading.run([audit.publish(0)], since=False)
    assert all(len(chain._page) <= verification.PAGE for chain in reading._chains.values())
    # Two pages are asked for in vain at the end of each chain, and none twice.
    assert audit.pages <= 2_013 / 4 + 2 * CHAINS


class TestSince:
    """A verification that begins at published heads."""

    def test_records_before_are_taken_for_granted(self, audit: FakeAudit) -> None:
        start = audit.publish(0)
        audit.append(4, 5)
        outcome = outcome_of(audit, [start, audit.publish(1)], since=True)
        assert (outcome.exit_code, outcome.records, outcome.start) == (0, 5, start)

    def test_what_comes_after_is_verified(self, audit: FakeAudit) -> None:
        start = audit.publish(0)
        audit.append(4, 5)
        audit.rows[4][12] = replace(audit.rows[4][12], actor="mallory")
        audit.rows[4][2] = replace(audit.rows[4][2], actor="mallory")
        assert spans(outcome_of(audit, [start], since=True)) == [("record_changed", 4, 13, 13)]

    def test_the_records_where_it_begins_must_be_there(self, audit: FakeAudit) -> None:
        start = audit.publish(0)
        audit.append(4, 5)
        published = [start, audit.publish(1)]
        rewrite(audit, 4, 8)
        assert ("rewritten", 4, 10, 10) in spans(outcome_of(audit, published, since=True))
        audit.cut(4, 6, head_row=True)
        assert ("cut_off", 4, 10, 10) in spans(outcome_of(audit, published, since=True))

    def test_a_chain_that_was_empty_begins_at_its_beginning(self, audit: FakeAudit) -> None:
        start = audit.publish(0)
        audit.append(9, 2)
        audit.rows[9][0] = replace(audit.rows[9][0], actor="mallory")
        assert spans(outcome_of(audit, [start], since=True)) == [("record_changed", 9, 1, 1)]


class TestOutOfReach:
    """What could not be looked at is said, and what could be is still found."""

    def broken(self, *published: PublishedHeads) -> Iterator[PublishedHeads]:
        yield from published
        message = "Kafka fell silent"
        raise HeadsUnavailableError(message)

    def test_without_kafka_the_chains_are_verified_and_the_end_says_so(self, audit: FakeAudit) -> None:
        for heads in (self.broken(), self.broken(audit.publish(0))):
            outcome = outcome_of(audit, heads)
            assert (outcome.exit_code, outcome.records) == (2, 13)
            assert [str(error) for error in outcome.unverified] == ["Kafka fell silent"]

    def test_tampering_outweighs_what_is_out_of_reach(self, audit: FakeAudit) -> None:
        audit.cut(4, 6, head_row=False)
        assert outcome_of(audit, self.broken()).exit_code == 1

    def test_without_a_database_nothing_is_found(self, audit: FakeAudit) -> None:
        audit.away = CannotVerifyError("the role may not read the audit", "verify with the role vault_auditor")
        outcome = outcome_of(audit, [audit.publish(0)])
        assert (outcome.exit_code, outcome.findings) == (2, [])

    def test_a_database_lost_half_way_leaves_what_was_found_and_makes_nothing_up(self, audit: FakeAudit) -> None:
        audit.rows[4][1] = replace(audit.rows[4][1], actor="mallory")

        def losing() -> Iterator[PublishedHeads]:
            yield audit.publish(0)
            audit.away = CannotVerifyError("gone")

        outcome = outcome_of(audit, losing())
        assert (outcome.exit_code, spans(outcome)) == (1, [("record_changed", 4, 2, 2)])
        assert [str(error) for error in outcome.unverified] == ["gone"]

    def test_since_heads_that_can_not_be_read_verifies_nothing(self, audit: FakeAudit) -> None:
        outcome = outcome_of(audit, self.broken(), since=True)
        assert (outcome.exit_code, outcome.records) == (2, 0)

    def test_heads_that_nobody_publishes_any_more_prove_little(self, audit: FakeAudit) -> None:
        old = audit.publish(0, kept_at=BEGIN - SILENCE - timedelta(seconds=1))
        outcome = outcome_of(audit, [old])
        assert outcome.exit_code == 2
        assert "nobody has published heads since 2026-11-21 09:59:59Z" in str(outcome.unverified[0])

    def test_the_longest_silence_is_noted(self, audit: FakeAudit) -> None:
        times = [BEGIN - timedelta(hours=hours) for hours in (20, 19, 14, 13, 1)]
        published = [audit.publish(offset, kept_at=moment) for offset, moment in enumerate(times)]
        outcome = outcome_of(audit, published)
        assert outcome.quietest == (times[3], times[4])
        assert outcome.exit_code == 0
        assert "nobody published heads from 2026-11-20T23:00:00.000Z to 2026-11-21T11:00:00.000Z" in "\n".join(
            report.as_lines(outcome, BEGIN)
        )


class TestReport:
    """The words and the document."""

    def test_an_intact_audit(self, audit: FakeAudit) -> None:
        outcome = outcome_of(audit, [audit.publish(0)])
        lines = report.as_lines(outcome, BEGIN + timedelta(seconds=8))
        assert lines[0].startswith(
            "INTACT: 13 records in 32 chains, compared with 1 published heads of 2026-11-21T12:00"
        )
        assert lines[1].startswith(
            "  newest published heads: 8 s ago. Not covered: what a superuser cut off since then"
        )

    def test_a_finding_says_where_in_words_and_in_numbers(self, audit: FakeAudit) -> None:
        published = audit.publish(0)
        audit.cut(4, 6, head_row=True)
        outcome = outcome_of(audit, [published])
        document = report.as_json(outcome, BEGIN + timedelta(seconds=8))
        assert document["result"] == "tampered"
        assert document["published"]["newest_age_seconds"] == 8
        (finding,) = document["findings"]
        assert (finding["kind"], finding["chain"], finding["first_sequence"], finding["last_sequence"]) == (
            "cut_off",
            4,
            7,
            10,
        )
        assert any("found  cut_off: chain 4 records 7-10: cut off" in line for line in report.as_lines(outcome, BEGIN))

    def test_what_could_not_be_verified_comes_with_the_next_step(self) -> None:
        outcome = Outcome(unverified=[CannotVerifyError("no database", "payera up")])
        assert report.as_lines(outcome, BEGIN) == [
            "NOT VERIFIED: 0 records in 32 chains",
            "  not verified  no database",
            "                next: payera up",
        ]
        assert report.as_json(outcome, BEGIN)["not_verified"] == [{"text": "no database", "next": "payera up"}]

    def test_findings_left_out_are_counted(self) -> None:
        outcome = Outcome(findings=[Finding(FindingKind.HEAD_MISSING, 1)], left_out=12)
        assert "  found  12 more findings of the same chains" in report.as_lines(outcome, BEGIN)

    def test_a_record_is_one_legible_line(self) -> None:
        (record,) = chain_of(1, 5)
        moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        record = replace(record, recorded_us=int(moment.timestamp()) * 1_000_000, request_id="")
        assert report.record_line(record) == (
            "2026-03-04T05:06:07.000Z  detokenize  taken  by psp_connectors  merchant mer_1  payment pay_1"
            "  (authorization)  [chain 5 record 1]"
        )
        assert report.record_as_json(record)["recorded_at"] == "2026-03-04T05:06:07.000Z"

    def test_a_moment_that_no_calendar_has_is_shown_all_the_same(self) -> None:
        (record,) = chain_of(1)
        assert report.time_of(replace(record, recorded_us=2**63 - 1)) == f"{2**63 - 1} us"


def places(records: list[AuditRecord]) -> list[tuple[int, int]]:
    return [(record.chain, record.sequence) for record in records]


def test_the_records_of_a_token_come_from_all_chains_oldest_first(audit: FakeAudit) -> None:
    for chain, minute in ((30, 3), (9, 1), (30, 2), (9, 4)):
        audit.append(chain, token_id="tok_wanted", recorded_us=minute * 60_000_000)
    found = records_of_token(audit, "tok_wanted", 10)
    assert [record.recorded_us // 60_000_000 for record in found] == [1, 2, 3, 4]
    assert {record.token_id for record in found} == {"tok_wanted"}
    assert records_of_token(audit, "tok_wanted", 2) == found[2:]
    assert records_of_token(audit, "tok_unknown", 10) == []


def test_records_of_a_token_are_read_page_by_page_and_no_more_than_are_wanted(audit: FakeAudit) -> None:
    audit.append(9, 2 * records.PAGE + 5, token_id="tok_wanted")
    everything = places(audit.rows[9][-(2 * records.PAGE + 5) :])
    assert places(records_of_token(audit, "tok_wanted", 10_000)) == everything
    audit.pages = 0
    assert places(records_of_token(audit, "tok_wanted", records.PAGE + 1)) == everything[-(records.PAGE + 1) :]
    assert audit.pages == 2
    assert len(records_of_token(audit, "tok_wanted", records.PAGE)) == records.PAGE
    assert audit.pages == 3
