"""A world's file is checked field by field, and what is wrong is told with the field, the rule and the remedy."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from devstack.routing.reading import WorldError
from devstack.routing.world import Course, read_world, world_of

SHIPPED = sorted((Path(__file__).resolve().parents[3] / "bench" / "worlds").glob("*.json"))
WORLD: dict[str, Any] = {
    "name": "small",
    "description": "Two accounts.",
    "seed": 1,
    "hours": 10,
    "warm_up_hours": 2,
    "payments_per_hour": 100,
    "segments": [{"name": "fr", "parts": 1, "currency": "EUR", "amount": [100, 500]}],
    "accounts": [{"account": "alpha", "approval": {"*": 0.9}}, {"account": "beta", "approval": {"fr": [[0, 0.5]]}}],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Give the world with one field set, or taken out when the value is `...`."""
    document = copy.deepcopy(WORLD)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_worlds_are_fine(path: Path) -> None:
    world = read_world(path)
    assert world.name == path.stem


def test_at_least_six_worlds_are_shipped() -> None:
    names = {path.stem for path in SHIPPED}
    assert {"stationary", "drift", "sudden-outage", "segments", "cold-start", "fees"} <= names


def test_what_is_left_out_has_a_default() -> None:
    world = world_of(WORLD)
    assert world.strategy.explore_ppm == 20_000
    assert world.accounts[0].connector == "alpha"
    assert world.accounts[0].technical.at(3) == 0


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", ..., "seed: it is missing; add it"),
        ("speed", 1, "speed: nothing has this name; take it out, or use: accounts, "),
        ("hours", 0, "hours: it has to be a number from 0.1 to 8784, not 0"),
        ("hours", "ten", "hours: it has to be a number from 0.1 to 8784, not 'ten'"),
        ("warm_up_hours", 9.5, "warm_up_hours: it has to be a number from 0 to 9, not 9.5"),
        ("payments_per_hour", True, "payments_per_hour: it has to be a whole number from 1 to 1,000,000, not True"),
        ("payments_per_hour", 900_000, "payments_per_hour: all hours together may have 2,000,000 payments"),
        ("segments", [], "segments: it has to be a list of 1 to 200, not []"),
        ("segments.0.currency", "XXX", "segments[0].currency: it has to be an ISO 4217 currency"),
        ("segments.0.amount", [5, 1], "segments[0].amount: it has to be the smallest and the largest amount"),
        ("segments.0.issuer_country", "fr", "segments[0].issuer_country: it has to be ISO 3166-1 alpha-2"),
        ("segments.0.bins", ["42"], "segments[0].bins: each BIN has to have six to eight digits"),
        ("segments.0.funding", "gift", "segments[0].funding: it has to be one of: credit, debit, prepaid"),
        ("segments.0.name", "*", "segments: each segment has to have a name of its own, other than *"),
        ("accounts.0.approval", {"*": 1.2}, "accounts[0].approval.*: it has to be a number from 0 to 1, not 1.2"),
        ("accounts.0.approval", {"us": 0.5}, "accounts[0].approval.us: no segment has this name; use one of: *, fr"),
        ("accounts.0.approval", {}, "accounts[0].approval: add * for all other segments, or fr"),
        (
            "accounts.0.technical",
            [[0, 0.1], [5, 2]],
            "accounts[0].technical[1][1]: it has to be a number from 0 to 1, not 2",
        ),
        ("accounts.0.technical", [[5, 0.1], [0, 0.2]], "accounts[0].technical: its hours have to grow"),
        ("accounts.0.from_hour", 3, "accounts: the first account has to be there from hour 0"),
        ("accounts.1.account", "alpha", "accounts: each account has to have a name of its own"),
        ("accounts.0.fees", {"percentage": 1}, "accounts[0].fees.percentage: nothing has this name; take it out"),
        ("strategy", {"ranking": "priority"}, "strategy.ranking: it has to be one of: success_rate, least_cost"),
        ("learning", [], "learning: it has to be an object, not []"),
    ],
)
def test_what_is_wrong_is_told(path: str, value: object, message: str) -> None:
    with pytest.raises(WorldError) as caught:
        world_of(changed(path, value))
    assert str(caught.value).startswith(message)
    assert "docs/routing-worlds.md" in caught.value.next_step


def test_what_is_no_json_is_told(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    with pytest.raises(WorldError, match="can't be read: FileNotFoundError"):
        read_world(path)
    path.write_text("{")
    with pytest.raises(WorldError, match="is not JSON: line 1"):
        read_world(path)
    path.write_text(json.dumps([1]))
    with pytest.raises(WorldError, match="the document: it has to be an object"):
        read_world(path)


def test_a_course_has_lines_and_jumps() -> None:
    course = Course((0.0, 10.0, 20.0, 20.0), (0.5, 0.5, 1.0, 0.0))
    assert [course.at(hour) for hour in (0, 10, 15, 19.999, 20, 30)] == pytest.approx(
        [0.5, 0.5, 0.75, 0.99995, 0.0, 0.0]
    )
