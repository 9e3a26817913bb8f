"""Rulesets as they lie in the database; new fields get a default, so that old versions stay readable."""

from typing import Any

import msgspec

from router_svc.domain.ruleset import Action, Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy


class _Strategy(msgspec.Struct, frozen=True, omit_defaults=True):
    ranking: Ranking = Ranking.PRIORITY
    success_weight: int = 100
    explore_ppm: int = 0


class _Route(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="route"):
    accounts: tuple[str, ...] = ()
    strategy: _Strategy = _Strategy()


class _Share(msgspec.Struct, frozen=True):
    account: str
    weight: int


class _Split(msgspec.Struct, frozen=True, tag_field="kind", tag="split"):
    shares: tuple[_Share, ...]


class _Block(msgspec.Struct, frozen=True, tag_field="kind", tag="block"):
    reason: str


class _Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    action: _Route | _Split | _Block
    condition: str = ""
    step_up: StepUp = StepUp.UNSET


class _Ruleset(msgspec.Struct, frozen=True):
    rules: tuple[_Rule, ...]
    otherwise: _Route = _Route()


def to_stored(ruleset: Ruleset) -> dict[str, Any]:
    """Give a ruleset as jsonb takes it; the same ruleset gives the same."""
    rules = tuple(_Rule(rule.name, _stored_action(rule.action), rule.condition, rule.step_up) for rule in ruleset.rules)
    stored: dict[str, Any] = msgspec.to_builtins(_Ruleset(rules, _stored_route(ruleset.otherwise)))
    return stored


def from_stored(stored: object) -> Ruleset:
    """Give the ruleset back; raises msgspec.ValidationError for what no version of this code has stored."""
    read = msgspec.convert(stored, _Ruleset)
    rules = tuple(Rule(rule.name, rule.condition, _action_of(rule.action), rule.step_up) for rule in read.rules)
    return Ruleset(rules, _route_of(read.otherwise))


def _stored_action(action: Action) -> _Route | _Split | _Block:
    match action:
        case RouteTo():
            return _stored_route(action)
        case Split():
            return _Split(tuple(_Share(share.account, share.weight) for share in action.shares))
        case Block():
            return _Block(action.reason)


def _stored_route(route: RouteTo) -> _Route:
    strategy = route.strategy
    return _Route(route.accounts, _Strategy(strategy.ranking, strategy.success_weight, strategy.explore_ppm))


def _action_of(stored: _Route | _Split | _Block) -> Action:
    match stored:
        case _Route():
            return _route_of(stored)
        case _Split():
            return Split(tuple(Share(share.account, share.weight) for share in stored.shares))
        case _Block():
            return Block(stored.reason)


def _route_of(stored: _Route) -> RouteTo:
    strategy = stored.strategy
    return RouteTo(stored.accounts, Strategy(strategy.ranking, strategy.success_weight, strategy.explore_ppm))
