"""Searches one store after the other: what was looked at, what was found there, and what could not be looked at."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from devstack.errors import StackError
from devstack.scan.allowing import AllowList
from devstack.scan.canaries import Canary
from devstack.scan.matching import Hit, Kind, Matcher
from mesh.card_numbers import mask_card_numbers
from mesh.redaction import redact_text

#: Findings of a store that are listed; more are counted.
LISTED_MAX: Final = 1000
#: Places of a store that could not be searched and are listed.
SKIPPED_MAX: Final = 50
PROGRESS_SECONDS: Final = 2.0


class CannotSearchError(StackError):
    """A store, or the rest of it, can't be searched."""


class OutOfTimeError(CannotSearchError):
    """A store took longer than it may."""


class State(StrEnum):
    """How far a store was searched."""

    SEARCHED = "searched"
    INCOMPLETE = "searched in part"
    NOT_SEARCHED = "not searched"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something where it must not be."""

    store: str
    place: str
    kind: Kind
    form: str
    shown: str
    offset: int

    def __str__(self) -> str:
        """Return the line that is shown."""
        kind = "" if self.kind is Kind.CARD_NUMBER else f" ({self.kind})"
        return f"{self.place}: {self.form}: {self.shown} at offset {self.offset}{kind}"


@dataclass(slots=True)
class StoreResult:
    """What came of searching one store."""

    name: str
    what: str
    state: State = State.SEARCHED
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    allowed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The results of all stores."""

    stores: tuple[StoreResult, ...]

    @property
    def found(self) -> int:
        """Return how much was found."""
        return sum(store.found for store in self.stores)

    @property
    def is_complete(self) -> bool:
        """Tell whether everything that was to be searched was."""
        return all(store.state is State.SEARCHED for store in self.stores)

    @property
    def findings(self) -> list[Finding]:
        """Return what was found, as far as it is listed."""
        return [finding for store in self.stores for finding in store.findings]

    @property
    def exit_code(self) -> int:
        """Return 1 when anything was found, else 2 when something could not be searched, else 0."""
        if self.found:
            return 1
        return 0 if self.is_complete else 2


@dataclass(frozen=True, slots=True)
class News:
    """What is told while a store is searched; exactly one of finding and text is there."""

    store: str
    text: str = ""
    finding: Finding | None = None


Tell = Callable[[News], None]


class Look:
    """What a store hands its content to; keeps the count, the time and the findings."""

    def __init__(
        self,
        matcher: Matcher,
        canaries: Sequence[Canary],
        allow: AllowList,
        result: StoreResult,
        seconds: float,
        tell: Tell,
    ) -> None:
        self.result = result
        self._matcher = matcher
        self._secrets = tuple((canary.text, canary.shown) for canary in canaries)
        self._allow = allow
        self._tell = tell
        self._seconds = seconds
        self._began = self._told = time.monotonic()

    @property
    def seconds_left(self) -> float:
        """Return how long the store may still be searched; raises OutOfTimeError when its time is over."""
        now = time.monotonic()
        left = self._began + self._seconds - now
        if left <= 0:
            raise OutOfTimeError(f"not finished within {self._seconds:g} s", "give it longer: --seconds")
        if now - self._told > PROGRESS_SECONDS:
            self._told = now
            self._tell(News(self.result.name, f"{self.result.places} places, {size(self.result.bytes_read)} so far"))
        return left

    def at(self, place: str, content: bytes, *, is_protobuf: bool = False) -> None:
        """Search something small."""
        self._count(len(content))
        self.result.places += 1
        for hit in self._matcher.search(content, is_protobuf=is_protobuf):
            self._found(place, hit)

    def through(self, place: str, blocks: Iterable[bytes], locate: Callable[[int], int] | None = None) -> None:
        """Search a stream, which may be endless in size but not in time; `locate` says where its bytes came from."""
        self.result.places += 1
        try:
            for hit in self._matcher.stream(self._counted(blocks)):
                self._found(place, hit, locate)
        finally:
            # Out of time or interrupted: what gives the blocks must let go of its file or connection now.
            if isinstance(blocks, Generator):
                blocks.close()

    def name(self, kind: str, name: str) -> None:
        """Search a name: a number may stand there too."""
        for hit in self._matcher.search(name.encode("utf-8", "surrogateescape")):
            self._found(f"the name of {kind} {name}", hit)

    def note(self, text: str) -> None:
        """Say something about the store that leaves nothing unsearched."""
        self.result.notes.append(self._clean(text))

    def skip(self, place: str, reason: str) -> None:
        """Say that a place could not be searched: the store is incomplete then."""
        self.result.state = State.INCOMPLETE
        if len(self.result.reasons) < SKIPPED_MAX:
            self.result.reasons.append(self._clean(f"{place}: {reason}"))
        elif len(self.result.reasons) == SKIPPED_MAX:
            self.result.reasons.append("and more")

    def _counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._count(len(block))
            yield block

    def _count(self, length: int) -> None:
        self.result.bytes_read += length
        _ = self.seconds_left

    def _found(self, place: str, hit: Hit, locate: Callable[[int], int] | None = None) -> None:
        if self._allow.reason_for(place, hit) is not None:
            self.result.allowed += 1
            return
        self.result.found += 1
        if len(self.result.findings) >= LISTED_MAX:
            return
        offset = locate(hit.offset) if locate else hit.offset
        finding = Finding(self.result.name, self._clean(place), hit.kind, hit.form, hit.shown, offset)
        self.result.findings.append(finding)
        self._tell(News(self.result.name, finding=finding))

    def _clean(self, text: str) -> str:
        """Take out of a name what must not be shown: it may hold the very number that is searched for."""
        for secret, shown in self._secrets:
            text = text.replace(secret, shown)
        return mask_card_numbers(text)


class Store(Protocol):
    """Something that keeps data."""

    @property
    def name(self) -> str:
        """Return what it is called on the command line."""

    @property
    def what(self) -> str:
        """Return what is searched, in words."""

    def search(self, look: Look) -> None:
        """Hand everything to `look`; raises CannotSearchError when that is not possible."""


@dataclass(frozen=True, slots=True)
class Order:
    """How to search."""

    matcher: Matcher
    canaries: tuple[Canary, ...] = ()
    allow: AllowList = field(default_factory=AllowList)
    seconds_per_store: float = 300.0


def search_all(stores: Sequence[Store], order: Order, tell: Tell = lambda _: None) -> Report:
    """Search the stores one by one. What goes wrong with one is its result; the others are searched all the same."""
    return Report(tuple(_search(store, order, tell) for store in stores))


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 1_000_000:.1f} MB"


def _search(store: Store, order: Order, tell: Tell) -> StoreResult:
    result = StoreResult(store.name, store.what)
    began = time.monotonic()
    tell(News(store.name, f"searching {store.what}"))
    look = Look(order.matcher, order.canaries, order.allow, result, order.seconds_per_store, tell)
    try:
        store.search(look)
    except CannotSearchError as error:
        _fail(result, f"{error} (next: {error.next_step})" if error.next_step else str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the store was not searched, and that must be said
        _fail(result, f"{type(error).__name__}: {error}")
    result.seconds = time.monotonic() - began
    tell(News(store.name, summary_of(result)))
    return result


def _fail(result: StoreResult, reason: str) -> None:
    result.state = State.INCOMPLETE if result.places else State.NOT_SEARCHED
    result.reasons.insert(0, " ".join(redact_text(reason).split()) or "no reason given")


def summary_of(result: StoreResult) -> str:
    """Return one line on a store."""
    found = f"{result.found} found" if result.found else "nothing found"
    if result.state is State.NOT_SEARCHED:
        found = "NOT SEARCHED"
    elif result.state is State.INCOMPLETE:
        found += ", but NOT ALL OF IT WAS SEARCHED"
    allowed = f", {result.allowed} on the allow-list" if result.allowed else ""
    return f"{found}{allowed} ({result.places} places, {size(result.bytes_read)}, {result.seconds:.1f} s)"
