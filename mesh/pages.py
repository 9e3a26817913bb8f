"""Follows the pages of a list in another service, within one deadline and up to a bound."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

PAGES_MAX: Final = 200


class Page(Protocol):
    """An answer that may have another one after it."""

    @property
    def next_page_token(self) -> str:
        """Give the token of the page after it, empty on the last one."""
        ...


Answer = TypeVar("Answer", bound=Page)


class EndlessListError(Exception):
    """A list has more pages than anybody reads, or goes in a circle: what was read of it is not the whole."""


async def follow(
    ask: Callable[[str, float], Awaitable[Answer]], *, seconds: float, pages_max: int = PAGES_MAX
) -> list[Answer]:
    """Ask for page after page, by token and seconds left, and give them all.

    ``seconds`` are for all pages together. Raises EndlessListError, and what ``ask`` raises: never a part of a list.
    """
    deadline = time.monotonic() + seconds
    pages: list[Answer] = []
    token = ""
    for _ in range(pages_max):
        page = await ask(token, max(0.001, deadline - time.monotonic()))
        pages.append(page)
        if not page.next_page_token:
            return pages
        if page.next_page_token == token:
            raise EndlessListError(f"page {len(pages)} of a list is followed by itself")
        token = page.next_page_token
    raise EndlessListError(f"a list has more than {pages_max} pages")
