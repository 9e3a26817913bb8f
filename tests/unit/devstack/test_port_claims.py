"""Stacks that choose side by side never choose the same port, and a claim ends with its data folder."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack import configuration, ports
from devstack.configuration import load_configuration
from devstack.port_claims import choosing


def home_with_ports(folder: Path) -> Path:
    folder.mkdir()
    (folder / "ports.json").write_text("{}")
    return folder


def test_what_one_has_claimed_is_taken_for_the_others_until_its_folder_goes(tmp_path: Path) -> None:
    one, other = home_with_ports(tmp_path / "one"), tmp_path / "other"
    place = tmp_path / "claims"
    with choosing(one, place) as claims:
        claims.claim([1, 2])

    with choosing(other, place) as claims:
        assert claims.taken == {1, 2}
    with choosing(one, place) as claims:
        assert claims.taken == frozenset()
        claims.claim([3])
    with choosing(other, place) as claims:
        assert claims.taken == {3}
    shutil.rmtree(one)
    with choosing(other, place) as claims:
        assert claims.taken == frozenset()
    assert list(place.glob("*.json")) == []


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"home": 1, "ports": []}', '{"home": "/", "ports": 1}'])
def test_a_file_that_is_no_claim_is_none(tmp_path: Path, content: str) -> None:
    place = tmp_path / "claims"
    with choosing(tmp_path, place):
        (place / "broken.json").write_text(content)

    with choosing(tmp_path, place) as claims:
        assert claims.taken == frozenset()


def test_a_folder_that_is_no_own_one_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("somebody's")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    for place in (tmp_path / "file", tmp_path / "link", tmp_path / "missing" / "deeper"):
        with choosing(tmp_path, place) as claims:
            assert claims.folder is None
            claims.claim([1])
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "file").read_text() == "somebody's"


def test_stacks_that_choose_at_once_have_no_port_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So few ports that two stacks would surely meet.
    monkeypatch.setattr(ports, "RANDOM_RANGE", (20_000, 20_400))
    monkeypatch.setattr(ports, "RANDOM_TRIES", 100_000)
    monkeypatch.setattr(configuration, "is_free", lambda _port: True)
    monkeypatch.setattr("devstack.port_claims.tempfile.gettempdir", lambda: str(tmp_path))

    with ThreadPoolExecutor(6) as pool:
        stacks = list(pool.map(lambda name: load_configuration(tmp_path / name, 0, environ={}), "abcdef"))

    chosen = [port for stack in stacks for port in stack.ports.values()]
    assert len(set(chosen)) == len(chosen)
    [claim] = [
        json.loads(path.read_text()) for path in tmp_path.glob("payera-ports-*/*.json") if '/a"' in path.read_text()
    ]
    assert claim["ports"] == sorted(stacks[0].ports.values())
