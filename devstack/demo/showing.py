"""How the demo shows a call at the terminal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from devstack.demo.chapters import Exchange


@dataclass(frozen=True, slots=True)
class Style:
    """How things look at the terminal."""

    heading: Callable[[str], str] = lambda text: click.style(text, bold=True)
    faint: Callable[[str], str] = lambda text: click.style(text, dim=True)
    good: Callable[[str], str] = lambda text: click.style(text, fg="green")
    bad: Callable[[str], str] = lambda text: click.style(text, fg="yellow")


def lines_of(exchange: Exchange, style: Style) -> list[str]:
    """Return what is worth seeing of one call."""
    body, answer = exchange.body, exchange.answer.body
    sent = ", ".join(f"{name} {_short(value)}" for name, value in body.items())
    lines = [f"   {exchange.request}  {sent}"]
    status = str(answer.get("status", exchange.answer.reason))
    paint = style.bad if status in {"DECLINED", "FAILED", "PROCESSING"} else style.good
    lines.append(
        f"   -> {exchange.answer.status} {paint(status)} in {exchange.seconds * 1000:.0f} ms  {answer.get('id', '')}"
    )
    for attempt in answer.get("attempts", []):
        code = (attempt.get("decline") or {}).get("code", "")
        lines.append(f"      attempt at {attempt['psp_account']}: {attempt['status']} {code}".rstrip())
    if answer.get("decline"):
        lines.append(f"      {answer['decline']['code']}: {answer['decline']['message']}")
    if "amount_captured" in answer:
        amounts = ("authorized", "captured", "refunded", "capturable", "refundable")
        lines.append("      " + ", ".join(f"{name} {answer[f'amount_{name}']}" for name in amounts))
    return lines


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and "currency" in value:
        return f"{value['value']} {value['currency']}"
    return str(value)
