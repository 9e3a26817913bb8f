"""What was killed in the middle of its work, raced and rotated has left no card number where it must not be."""

import pytest

from devstack.scan.stack import STORES
from tests.e2e.support import Mesh
from tests.e2e.test_leaks import new_number, scanned

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

FILES = "postgres-files"


def test_a_process_that_is_killed_leaves_no_card_number_behind(mesh: Mesh) -> None:
    number = new_number()
    mesh.settled(mesh.pay(1000, token=mesh.token(number))["id"])

    report = scanned(mesh, [number], [name for name in STORES if name != FILES], any_card=True)
    # Thousands of races fill the write-ahead log with digits, of which some look like a card's number by chance.
    files = scanned(mesh, [number], [FILES])

    assert [*report.findings, *files.findings] == []
    assert sum(store.places for store in (*report.stores, *files.stores)) > 800
