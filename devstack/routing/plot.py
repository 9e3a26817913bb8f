"""Draws what each policy lost to the oracle over time, as an SVG made by hand."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final
from xml.sax.saxutils import escape

from devstack.routing.playing import EQUAL, LEARNER, ORACLE, STATIC, STRETCHES, Outcome

_WIDTH: Final = 720
_HEIGHT: Final = 300
_LEFT: Final = 64
_RIGHT: Final = 16
_TOP: Final = 40
_BOTTOM: Final = 40
_COLOURS: Final = {LEARNER: "#0b6e4f", STATIC: "#c1440e", EQUAL: "#6b7280"}
_TICKS: Final = 4


def svg(outcome: Outcome) -> str:
    """Give the plot: cumulative expected approvals less the oracle's, by hour; the oracle is the line at 0."""
    return "\n".join(_elements(outcome)) + "\n"


def _elements(outcome: Outcome) -> Iterator[str]:
    world = outcome.world
    lost = {name: _lost(outcome, name) for name in _COLOURS}
    most = max(1.0, *(value for line in lost.values() for value in line))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(world.name)}: approvals lost to the oracle</text>'
    yield from _grid(world.hours, most)
    warm = _x(world.warm_up_hours / world.hours)
    down = f'y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"'
    yield f'<line x1="{warm}" x2="{warm}" {down} stroke="#9ca3af" stroke-dasharray="4 3"/>'
    yield f'<text x="{warm + 4}" y="{_TOP + 12}" fill="#6b7280">warm-up ends</text>'
    for place, (name, line) in enumerate(lost.items()):
        points = " ".join(f"{_x(index / STRETCHES)},{_y(value / most)}" for index, value in enumerate(line))
        yield f'<polyline points="{points}" fill="none" stroke="{_COLOURS[name]}" stroke-width="2"/>'
        x = _WIDTH - _RIGHT - 330 + 110 * place
        yield f'<rect x="{x}" y="24" width="10" height="10" fill="{_COLOURS[name]}"/>'
        yield f'<text x="{x + 14}" y="33">{escape(name)}</text>'
    yield "</svg>"


def _lost(outcome: Outcome, name: str) -> Sequence[float]:
    best, ours = outcome.played[ORACLE].stretches, outcome.played[name].stretches
    return [0.0, *accumulate(oracle - mine for oracle, mine in zip(best, ours, strict=True))]


def _grid(hours: float, most: float) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        y = _y(share)
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#e5e7eb"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{most * share:,.0f}</text>'
        anchor = "end" if tick == _TICKS else "middle"
        x = _x(share)
        yield f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="{anchor}">{hours * share:g} h</text>'


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)
