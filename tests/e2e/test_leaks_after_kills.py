"""What was killed in the middle of its work, raced and rotated has left no card number where it must not be."""

import pytest

from tests.e2e.support import Mesh
from tests.e2e.test_leaks import scanned

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_process_that_is_killed_leaves_no_card_number_behind(mesh: Mesh) -> None:
    mesh.pay()
    report = scanned(mesh, [], any_card=True)
    assert report.findings == []
    assert sum(store.places for store in report.stores) > 800
