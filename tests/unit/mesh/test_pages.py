"""Lists of other services are read whole, within one deadline and up to a bound, or not at all."""

from dataclasses import dataclass

import pytest

from mesh.pages import EndlessListError, follow


@dataclass(frozen=True)
class Answer:
    """A page of a list."""

    entries: tuple[int, ...]
    next_page_token: str = ""


async def test_page_after_page_within_the_seconds_that_are_left() -> None:
    asked: list[str] = []
    left: list[float] = []

    async def ask(token: str, seconds: float) -> Answer:
        asked.append(token)
        left.append(seconds)
        number = int(token or 0)
        return Answer((number,), str(number + 1) if number < 3 else "")

    pages = await follow(ask, seconds=60)
    assert [page.entries for page in pages] == [(0,), (1,), (2,), (3,)]
    assert asked == ["", "1", "2", "3"]
    assert left == sorted(left, reverse=True)
    assert 0 < left[-1] <= left[0] <= 60


async def test_a_deadline_that_has_passed_leaves_the_next_page_no_time() -> None:
    left: list[float] = []

    async def ask(token: str, seconds: float) -> Answer:
        left.append(seconds)
        return Answer((), "" if token else "1")

    await follow(ask, seconds=0)
    assert left == [0.001, 0.001]


@pytest.mark.parametrize(("pages_max", "why"), [(3, "more than 3 pages"), (10, "followed by itself")])
async def test_a_list_without_end_is_no_list(pages_max: int, why: str) -> None:
    async def ask(token: str, _seconds: float) -> Answer:
        return Answer((1,), str(min(int(token or 0) + 1, 5)))

    with pytest.raises(EndlessListError, match=why):
        await follow(ask, seconds=60, pages_max=pages_max)


async def test_what_fails_half_way_gives_no_half() -> None:
    async def ask(token: str, _seconds: float) -> Answer:
        if token:
            raise ConnectionError
        return Answer((1,), "1")

    with pytest.raises(ConnectionError):
        await follow(ask, seconds=60)
