"""Answers of a PSP that did right and says something else."""

from typing import Final

from devstack.sandbox.faults import FaultMode
from devstack.sandbox.incoming import Reply
from devstack.sandbox.performing import RIGHT, Done, Error

NOTHING_THERE: Final = Reply(404, {"error": {"code": "not_found", "message": "there is no such resource"}})
LATER: Final = Reply(429, {"error": {"code": "rate_limited", "message": "too many requests"}})

_OTHERS: Final = ("USD", "EUR")


def wrongly(mode: FaultMode | None, done: Done, reference: str) -> Reply:
    """Render what was done with the error that a fault asks for; rightly for a fault that asks for none."""
    match mode:
        case FaultMode.WRONG_AMOUNT:
            return done.render(Error(more=done.step))
        case FaultMode.DENIED:
            return done.render(Error(denied=True))
        case FaultMode.WRONG_CURRENCY:
            other = next(currency for currency in _OTHERS if currency != done.currency)
            told = _retold(done.render(RIGHT), f'"{done.currency}"', f'"{other}"')
            return _retold(told, f'"{done.currency.lower()}"', f'"{other.lower()}"')
        case FaultMode.WRONG_REFERENCE:
            return _retold(done.render(RIGHT), f'"{reference}"', f'"{reference}0"') if reference else done.render(RIGHT)
        case _:
            return done.render(RIGHT)


def _retold(reply: Reply, word: str, instead: str) -> Reply:
    """Put one word in place of another in the whole body."""
    headers = {**reply.headers, "content-type": reply.content_type}
    return Reply(reply.status, reply.content().replace(word.encode(), instead.encode()), headers)
