"""Snapshots as bytes: what is read back is what was written, and what was damaged is not read."""

import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.adapters.postgres import learning_snapshots
from router_svc.adapters.postgres.learning_snapshots import UnreadableSnapshotError, decoded, encoded
from router_svc.application.ports.snapshot_store import KnowledgeSnapshot, SnapshotTooLargeError
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation, Taught
from tests.unit.router_svc.observations import observations, seen


def snapshot_of(events: Sequence[Observation]) -> KnowledgeSnapshot:
    learning, health = Learning(LearningSettings(attempts_max=20)), Health(HealthSettings(attempts_max=20))
    for event in events:
        learning.observe(event)
        health.observe(event)
    return KnowledgeSnapshot(learning.snapshot(), health.snapshot(), ((0, 7), (5, 1 << 40)))


@given(st.lists(observations(), max_size=60))
def test_what_is_read_back_is_what_was_written(events: list[Observation]) -> None:
    snapshot = snapshot_of(events)
    assert decoded(encoded(snapshot)) == snapshot


@given(st.lists(observations(), max_size=20))
def test_equal_states_have_equal_bytes(events: list[Observation]) -> None:
    assert encoded(snapshot_of(events)) == encoded(snapshot_of(events))


@pytest.mark.parametrize("value", [b"", b"nothing", zlib.compress(b"\x0a\xff")])
def test_what_is_no_snapshot_is_told_apart(value: bytes) -> None:
    with pytest.raises(UnreadableSnapshotError):
        decoded(value)


def test_every_cut_and_every_flipped_byte_is_noticed() -> None:
    value = encoded(snapshot_of([seen(number, Taught.TECHNICAL) for number in range(3)]))
    for place in range(len(value)):
        with pytest.raises(UnreadableSnapshotError):
            decoded(value[:place])
        flipped = bytearray(value)
        flipped[place] ^= 0x55
        try:
            read = decoded(bytes(flipped))
        except UnreadableSnapshotError:
            continue
        # A bit that the compression does not use.
        assert encoded(read) == value


def test_bytes_that_promise_more_than_any_snapshot_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_snapshots, "LARGEST_RAW_BYTES", 1_000)
    with pytest.raises(UnreadableSnapshotError):
        decoded(zlib.compress(bytes(10_000)))


def test_a_snapshot_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_snapshots, "LARGEST_BYTES", 100)
    with pytest.raises(SnapshotTooLargeError, match="100 are the limit"):
        encoded(snapshot_of([seen(number) for number in range(20)]))
