"""The world of the routing bench: a hundred rules, payments, and what came of earlier ones."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from payera.events.v1 import payment_event_pb2 as events
from payera.router.v1 import router_service_pb2 as router_pb2
from payera.types.v1 import card_pb2

from mesh.identifiers import new_id
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, Strategy

#: Accounts that every development stack has.
ACCOUNTS: Final = ("sandbox_a", "sandbox_b")
RULES: Final = 100
#: So many earlier attempts are learnt from.
OUTCOMES: Final = 20_000
EXPLORE_PPM: Final = 20_000
_CURRENCIES: Final = ("EUR", "USD", "GBP")
_CARDS: Final = (
    ("visa", "424242", "credit", "US"),
    ("visa", "400005", "debit", "FR"),
    ("mastercard", "555555", "credit", "DE"),
    ("mastercard", "520082", "debit", "GB"),
    ("amex", "378282", "credit", "US"),
)
_SEED: Final = 6


def ruleset() -> Ruleset:
    """Give a hundred rules as merchants write them; most payments reach the last one: it ranks by what was learnt."""
    rules = [Rule("too large", "amount > 5000000", Block("Such amounts are paid by transfer."))]
    for number in range(1, RULES - 2):
        condition = (
            f'currency == "JPY" && amount > {(RULES - number) * 1_000}',
            f'bin.startsWith("{600_000 + number}") && funding == "credit"',
            f'issuer_country in ["BR", "MX", "AR"] && amount < {number * 100}',
            f'brand == "mastercard" && currency == "CHF" && amount >= {RULES - number}',
        )[number % 4]
        rules.append(Rule(f"rule {number}", condition, RouteTo(ACCOUNTS)))
    rules.append(Rule("a part of amex", 'brand == "amex"', Split((Share("sandbox_a", 3), Share("sandbox_b", 1)))))
    rules.append(Rule("the best", "", RouteTo(ACCOUNTS, Strategy(Ranking.SUCCESS_RATE, explore_ppm=EXPLORE_PPM))))
    return Ruleset(tuple(rules))


def rules_json() -> dict[str, Any]:
    """Give the same rules as REST takes them."""
    return {"rules": [_rule_json(rule) for rule in ruleset().rules]}


def payments(merchant_id: str) -> Iterator[router_pb2.RouteRequest]:
    """Give payments to be routed, without end."""
    luck = random.Random(_SEED)
    while True:
        yield router_pb2.RouteRequest(
            merchant_id=merchant_id,
            payment_id=new_id("pay"),
            amount={"value": luck.randint(100, 50_000), "currency": luck.choice(_CURRENCIES)},
            card=_card(luck),
            method="card",
            metadata={"shop": str(luck.randint(1, 9))},
        )


def taught(merchant_id: str) -> Iterator[events.PaymentEvent]:
    """Give the events of OUTCOMES attempts of the last hours: the first account approves a little more."""
    luck = random.Random(_SEED)
    now = datetime.now(UTC)
    for number, account in zip(range(OUTCOMES), itertools.cycle(ACCOUNTS), strict=False):
        yield _outcome(luck, merchant_id, account, now - timedelta(seconds=OUTCOMES - number))


def going_on(merchant_id: str) -> Iterator[events.PaymentEvent]:
    """Give further outcomes like these without end, each of the moment it is asked for."""
    luck = random.Random(_SEED + 1)
    for account in itertools.cycle(ACCOUNTS):
        yield _outcome(luck, merchant_id, account, datetime.now(UTC))


def _outcome(luck: random.Random, merchant_id: str, account: str, at: datetime) -> events.PaymentEvent:
    approved = luck.random() < (0.9 if account == ACCOUNTS[0] else 0.87)
    payment_id = new_id("pay")
    event = events.PaymentEvent(
        id=new_id("evt"),
        type=(events.PAYMENT_EVENT_TYPE_PAYMENT_SUCCEEDED if approved else events.PAYMENT_EVENT_TYPE_PAYMENT_DECLINED),
        payment_id=payment_id,
        merchant_id=merchant_id,
        seq=2,
        payment=events.PaymentState(
            amount={"value": luck.randint(100, 50_000), "currency": luck.choice(_CURRENCIES)}, card=_card(luck)
        ),
        attempt=events.AttemptState(
            id=f"{payment_id}_1",
            ordinal=1,
            psp_account=account,
            status="APPROVED" if approved else "DECLINED",
            code="" if approved else "do_not_honor",
        ),
    )
    event.occur_time.FromDatetime(at)
    return event


def _card(luck: random.Random) -> card_pb2.CardSummary:
    brand, prefix, funding, country = luck.choice(_CARDS)
    return card_pb2.CardSummary(brand=brand, bin=prefix, funding=funding, issuer_country=country)


def _rule_json(rule: Rule) -> dict[str, Any]:
    action: dict[str, Any]
    if isinstance(rule.action, Block):
        action = {"block": {"reason": rule.action.reason}}
    elif isinstance(rule.action, Split):
        shares = [{"account": share.account, "weight": share.weight} for share in rule.action.shares]
        action = {"split": {"shares": shares}}
    else:
        strategy = {"ranking": rule.action.strategy.ranking.name, "explore_ppm": rule.action.strategy.explore_ppm}
        action = {"route": {"accounts": list(rule.action.accounts), "strategy": strategy}}
    return {"name": rule.name, "condition": rule.condition} | action
