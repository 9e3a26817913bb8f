"""A world for the lab: who pays with what, and what each account makes of it over time."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.routing.reading import NEXT_STEP, Field, WorldError
from mesh.currencies import EXPONENT_OF
from router_svc.domain.facts import FeeSchedule
from router_svc.domain.learning.settings import HOUR_MS, MILLION, LearningSettings
from router_svc.domain.ruleset import Ranking, Strategy

PAYMENTS_MAX: Final = 2_000_000
ALL_SEGMENTS: Final = "*"
_FUNDINGS: Final = ("credit", "debit", "prepaid", "")
_RANKINGS: Final = (Ranking.SUCCESS_RATE.value, Ranking.LEAST_COST.value, Ranking.WEIGHTED.value)
_HOURS_MAX: Final = 24 * 366
_COUNTRY_LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Course:
    """A chance over time: straight lines between points, level before the first and after the last.

    Two points of the same hour are a jump.
    """

    hours: tuple[float, ...]
    chances: tuple[float, ...]

    def at(self, hour: float) -> float:
        """Give the chance at an hour of the world."""
        after = bisect_right(self.hours, hour)
        if after == 0:
            return self.chances[0]
        if after == len(self.hours):
            return self.chances[-1]
        begin, end = self.hours[after - 1], self.hours[after]
        share = (hour - begin) / (end - begin)
        return self.chances[after - 1] + share * (self.chances[after] - self.chances[after - 1])


@dataclass(frozen=True, slots=True)
class Segment:
    """Payments of one kind: `parts` of the sum of all segments' parts. Amounts are in minor units, evenly spread."""

    name: str
    parts: int
    brand: str
    currency: str
    issuer_country: str
    funding: str
    bins: tuple[str, ...]
    amount: tuple[int, int]


@dataclass(frozen=True, slots=True)
class WorldAccount:
    """What an account really does. `technical` is the chance of a technical error before anything else is decided."""

    account: str
    connector: str
    from_hour: float
    latency_ms: int
    approval: Mapping[str, Course]
    technical: Course
    fees: FeeSchedule

    def approval_at(self, segment: str, hour: float) -> float:
        """Give the chance of approval, once there is no technical error."""
        return (self.approval.get(segment) or self.approval[ALL_SEGMENTS]).at(hour)


@dataclass(frozen=True, slots=True)
class World:
    """A described world. Accounts stand in the order of a static priority list."""

    name: str
    description: str
    seed: int
    hours: float
    warm_up_hours: float
    payments_per_hour: int
    strategy: Strategy
    learning: LearningSettings
    lag_ms: int
    segments: tuple[Segment, ...]
    accounts: tuple[WorldAccount, ...]


def read_world(path: Path) -> World:
    """Read a world's file. Raises WorldError, which names the field, the rule and the remedy."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{path} can't be read: {type(error).__name__}", "give the path of a JSON file") from None
    except json.JSONDecodeError as error:
        raise WorldError(f"{path} is not JSON: line {error.lineno}, {error.msg}", NEXT_STEP) from None
    return world_of(document)


def world_of(document: object) -> World:
    """Check a document and make the world it describes. Raises WorldError."""
    fields = Field(document).members(
        ("name", "description", "seed", "hours", "warm_up_hours", "payments_per_hour", "segments", "accounts"),
        ("strategy", "learning", "lag_ms"),
    )
    hours = fields["hours"].number(0.1, _HOURS_MAX)
    segments = _unique([_segment(each) for each in fields["segments"].items(at_most=200)], fields["segments"])
    accounts = tuple(
        _account(each, {segment.name for segment in segments}) for each in fields["accounts"].items(at_most=50)
    )
    if len({each.account for each in accounts}) < len(accounts):
        raise fields["accounts"].refuse("each account has to have a name of its own")
    if accounts[0].from_hour > 0:
        raise fields["accounts"].refuse("the first account has to be there from hour 0")
    payments_per_hour = fields["payments_per_hour"].whole(1, 1_000_000)
    if payments_per_hour * hours > PAYMENTS_MAX:
        raise fields["payments_per_hour"].refuse(f"all hours together may have {PAYMENTS_MAX:,} payments")
    return World(
        name=fields["name"].text(),
        description=fields["description"].text(),
        seed=fields["seed"].whole(0, 2**53),
        hours=hours,
        warm_up_hours=fields["warm_up_hours"].number(0, hours * 0.9),
        payments_per_hour=payments_per_hour,
        strategy=_strategy(fields.get("strategy", Field({}, "strategy"))),
        learning=_learning(fields.get("learning", Field({}, "learning"))),
        lag_ms=fields["lag_ms"].whole(0, HOUR_MS) if "lag_ms" in fields else 1_000,
        segments=segments,
        accounts=accounts,
    )


def _unique(segments: list[Segment], field: Field) -> tuple[Segment, ...]:
    names = [segment.name for segment in segments]
    if len(set(names)) < len(names) or ALL_SEGMENTS in names:
        raise field.refuse("each segment has to have a name of its own, other than *")
    return tuple(segments)


def _segment(field: Field) -> Segment:
    fields = field.members(("name", "parts", "currency", "amount"), ("brand", "issuer_country", "funding", "bins"))
    currency = fields["currency"].text()
    if currency not in EXPONENT_OF:
        raise fields["currency"].refuse("it has to be an ISO 4217 currency that can be charged, such as EUR")
    least, most = fields["amount"].items(2, 2)
    amount = (least.whole(0, 10**12), most.whole(0, 10**12))
    if amount[0] > amount[1]:
        raise fields["amount"].refuse("it has to be the smallest and the largest amount, in this order")
    country = fields["issuer_country"].text() if "issuer_country" in fields else ""
    if country and not (len(country) == _COUNTRY_LETTERS and country.isascii() and country.isupper()):
        raise fields["issuer_country"].refuse("it has to be ISO 3166-1 alpha-2, such as FR")
    bins = tuple(each.text() for each in fields["bins"].items()) if "bins" in fields else ()
    if any(not (each.isdigit() and each.isascii() and 6 <= len(each) <= 8) for each in bins):  # noqa: PLR2004
        raise fields["bins"].refuse("each BIN has to have six to eight digits")
    return Segment(
        name=fields["name"].text(),
        parts=fields["parts"].whole(1, MILLION),
        brand=fields["brand"].text() if "brand" in fields else "",
        currency=currency,
        issuer_country=country,
        funding=fields["funding"].choice(_FUNDINGS) if "funding" in fields else "",
        bins=bins,
        amount=amount,
    )


def _account(field: Field, segments: set[str]) -> WorldAccount:
    fields = field.members(("account", "approval"), ("connector", "from_hour", "latency_ms", "technical", "fees"))
    approval = {}
    for name, course in fields["approval"].entries().items():
        if name != ALL_SEGMENTS and name not in segments:
            raise WorldError(
                f"{course.path}: no segment has this name; use one of: *, {', '.join(sorted(segments))}", NEXT_STEP
            )
        approval[name] = _course(course)
    missing = segments - approval.keys()
    if missing and ALL_SEGMENTS not in approval:
        raise fields["approval"].refuse(f"add * for all other segments, or {', '.join(sorted(missing))}")
    account = fields["account"].text()
    return WorldAccount(
        account=account,
        connector=fields["connector"].text() if "connector" in fields else account,
        from_hour=fields["from_hour"].number(0, _HOURS_MAX) if "from_hour" in fields else 0.0,
        latency_ms=fields["latency_ms"].whole(0, HOUR_MS) if "latency_ms" in fields else 500,
        approval=approval,
        technical=_course(fields["technical"]) if "technical" in fields else Course((0.0,), (0.0,)),
        fees=_fees(fields["fees"]) if "fees" in fields else FeeSchedule(),
    )


def _course(field: Field) -> Course:
    """Read a chance, or a list of points of an hour and a chance."""
    if not isinstance(field.value, list):
        return Course((0.0,), (field.number(0, 1),))
    points = [point.items(2, 2) for point in field.items()]
    hours = tuple(hour.number(0, _HOURS_MAX) for hour, _ in points)
    if list(hours) != sorted(hours):
        raise field.refuse("its hours have to grow")
    return Course(hours, tuple(chance.number(0, 1) for _, chance in points))


def _fees(field: Field) -> FeeSchedule:
    fields = field.members((), ("percentage_ppm", "fixed", "scheme_ppm", "cross_border_ppm", "country"))
    return FeeSchedule(
        percentage_ppm=fields["percentage_ppm"].whole(0, MILLION) if "percentage_ppm" in fields else 0,
        fixed={name: each.whole(0, MILLION) for name, each in fields["fixed"].entries().items()}
        if "fixed" in fields
        else {},
        scheme_ppm={name: each.whole(0, MILLION) for name, each in fields["scheme_ppm"].entries().items()}
        if "scheme_ppm" in fields
        else {},
        cross_border_ppm=fields["cross_border_ppm"].whole(0, MILLION) if "cross_border_ppm" in fields else 0,
        country=fields["country"].text() if "country" in fields else "",
    )


def _strategy(field: Field) -> Strategy:
    fields = field.members((), ("ranking", "success_weight", "explore_ppm"))
    return Strategy(
        Ranking(fields["ranking"].choice(_RANKINGS)) if "ranking" in fields else Ranking.SUCCESS_RATE,
        fields["success_weight"].whole(0, 100) if "success_weight" in fields else 100,
        fields["explore_ppm"].whole(0, MILLION) if "explore_ppm" in fields else 20_000,
    )


def _learning(field: Field) -> LearningSettings:
    fields = field.members((), ("half_life_hours", "explore_loss_ppm", "guard_ppm", "prior_ppm"))
    usual = LearningSettings()
    priors = fields["prior_ppm"].entries() if "prior_ppm" in fields else {}
    return LearningSettings(
        half_life_ms=int(fields["half_life_hours"].number(0.01, _HOURS_MAX) * HOUR_MS)
        if "half_life_hours" in fields
        else usual.half_life_ms,
        explore_loss_ppm=fields["explore_loss_ppm"].whole(0, MILLION)
        if "explore_loss_ppm" in fields
        else usual.explore_loss_ppm,
        guard_ppm=fields["guard_ppm"].whole(0, MILLION) if "guard_ppm" in fields else usual.guard_ppm,
        prior_ppm_by_connector={name: each.whole(1, MILLION - 1) for name, each in priors.items()},
    )
