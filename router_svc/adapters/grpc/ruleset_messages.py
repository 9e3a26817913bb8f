"""Translates rulesets, their versions and their changes between the contract and the router."""

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from payera.routing.v1 import ruleset_service_pb2 as contract

from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from router_svc.adapters.grpc.problem_messages import problem_message
from router_svc.application.manage_rulesets import ActiveState, CheckedRuleset
from router_svc.application.ports.ruleset_store import (
    Change,
    ChangeKind,
    RoutingState,
    StoredRuleset,
    VersionRecord,
    VersionState,
)
from router_svc.domain.ruleset import Action, Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy

_RANKINGS: Final = MappingProxyType(
    {
        contract.Strategy.RANKING_UNSPECIFIED: Ranking.PRIORITY,
        contract.Strategy.PRIORITY: Ranking.PRIORITY,
        contract.Strategy.SUCCESS_RATE: Ranking.SUCCESS_RATE,
        contract.Strategy.LEAST_COST: Ranking.LEAST_COST,
        contract.Strategy.WEIGHTED: Ranking.WEIGHTED,
    }
)
_STEP_UPS: Final = MappingProxyType(
    {
        contract.Rule.STEP_UP_UNSPECIFIED: StepUp.UNSET,
        contract.Rule.REQUIRE: StepUp.REQUIRE,
        contract.Rule.SKIP: StepUp.SKIP,
    }
)
_STATES: Final = MappingProxyType(
    {
        VersionState.DRAFT: contract.RulesetVersion.DRAFT,
        VersionState.APPROVED: contract.RulesetVersion.APPROVED,
        VersionState.ACTIVE: contract.RulesetVersion.ACTIVE,
        VersionState.RETIRED: contract.RulesetVersion.RETIRED,
    }
)
_CHANGES: Final = MappingProxyType(
    {
        ChangeKind.CREATED: contract.RoutingChange.CREATED,
        ChangeKind.APPROVED: contract.RoutingChange.APPROVED,
        ChangeKind.ACTIVATED: contract.RoutingChange.ACTIVATED,
        ChangeKind.ROLLED_BACK: contract.RoutingChange.ROLLED_BACK,
        ChangeKind.APPROVAL_REQUIRED: contract.RoutingChange.APPROVAL_REQUIRED,
        ChangeKind.APPROVAL_WAIVER_REQUESTED: contract.RoutingChange.APPROVAL_WAIVER_REQUESTED,
        ChangeKind.APPROVAL_WAIVED: contract.RoutingChange.APPROVAL_WAIVED,
    }
)
_NO_ACTION: Final = "a rule has to say what is done: write `route`, `split` or `block`."


def ruleset_of(message: contract.Ruleset) -> Ruleset:
    """Give the ruleset that is sent. Refuses with INVALID_FIELD for rules that have no action."""
    missing = [index for index, rule in enumerate(message.rules) if rule.WhichOneof("action") is None]
    if missing:
        violations = [Violation(f"ruleset.rules[{index}].route", _NO_ACTION) for index in missing]
        first = violations[0]
        detail = f"`ruleset.rules[{missing[0]}]`: {_NO_ACTION}"
        raise Refusal(Reason.INVALID_FIELD, violations=violations, field=first.field, detail=detail)
    rules = tuple(Rule(rule.name, rule.condition, _action_of(rule), _STEP_UPS[rule.step_up]) for rule in message.rules)
    return Ruleset(rules, _route_of(message.otherwise))


def ruleset_message(ruleset: Ruleset) -> contract.Ruleset:
    """Give a ruleset as it is shown: what has a default is written out."""
    return contract.Ruleset(
        rules=[_rule_message(rule) for rule in ruleset.rules], otherwise=_route_message(ruleset.otherwise)
    )


def record_message(record: VersionRecord) -> contract.RulesetVersion:
    """Give a version without its rules."""
    return contract.RulesetVersion(
        version=record.version,
        state=_STATES[record.state],
        note=record.note,
        rule_count=record.rule_count,
        created_by=record.created_by,
        create_time=_timestamp(record.created_at),
        approved_by=record.approved_by,
        history=[change_message(change) for change in record.history],
    )


def version_message(stored: StoredRuleset) -> contract.RulesetVersion:
    """Give a version with its rules."""
    message = record_message(stored.record)
    message.ruleset.CopyFrom(ruleset_message(stored.ruleset))
    return message


def checked_message(checked: CheckedRuleset) -> contract.RulesetVersion:
    """Give a version with its rules, and what is to be warned of."""
    message = version_message(checked.stored)
    message.warnings.extend(problem_message(problem, checked.stored.ruleset) for problem in checked.warnings)
    return message


def active_message(active: ActiveState) -> contract.ActiveRuleset:
    """Give what holds for a merchant."""
    return contract.ActiveRuleset(
        active_version=active.state.active_version,
        previous_version=active.state.previous_version,
        newest_version=active.state.newest_version,
        ruleset_version=None if active.active is None else checked_message(active.active),
        approval_policy=policy_message(active.state),
    )


def policy_message(state: RoutingState) -> contract.ApprovalPolicy:
    """Give whether versions need an approval."""
    return contract.ApprovalPolicy(
        approval_required=state.approval_required, waiver_requested_by=state.waiver_requested_by
    )


def change_message(change: Change) -> contract.RoutingChange:
    """Give something that was done."""
    return contract.RoutingChange(
        number=change.number,
        kind=_CHANGES[change.kind],
        version=change.version,
        replaced_version=change.replaced_version,
        key_id=change.actor.key_id,
        request_id=change.actor.request_id,
        change_time=_timestamp(change.at),
    )


def change_messages(changes: Sequence[Change]) -> list[contract.RoutingChange]:
    """Give a list of what was done."""
    return [change_message(change) for change in changes]


def _action_of(rule: contract.Rule) -> Action:
    match rule.WhichOneof("action"):
        case "split":
            return Split(tuple(Share(share.account, share.weight) for share in rule.split.shares))
        case "block":
            return Block(rule.block.reason)
        case _:
            return _route_of(rule.route)


def _route_of(route: contract.Route) -> RouteTo:
    strategy = route.strategy
    weight = strategy.success_weight if strategy.HasField("success_weight") else Strategy().success_weight
    return RouteTo(tuple(route.accounts), Strategy(_RANKINGS[strategy.ranking], weight, strategy.explore_ppm))


def _rule_message(rule: Rule) -> contract.Rule:
    message = contract.Rule(name=rule.name, condition=rule.condition)
    match rule.action:
        case RouteTo():
            message.route.CopyFrom(_route_message(rule.action))
        case Split():
            shares = [contract.Share(account=share.account, weight=share.weight) for share in rule.action.shares]
            message.split.CopyFrom(contract.Split(shares=shares))
        case Block():
            message.block.CopyFrom(contract.Block(reason=rule.action.reason))
    if rule.step_up is not StepUp.UNSET:
        message.step_up = next(value for value, step_up in _STEP_UPS.items() if step_up is rule.step_up)
    return message


def _route_message(route: RouteTo) -> contract.Route:
    strategy = route.strategy
    if strategy == Strategy():
        return contract.Route(accounts=route.accounts)
    ranking = next(value for value, ranking in _RANKINGS.items() if value and ranking is strategy.ranking)
    weight = strategy.success_weight if strategy.success_weight != Strategy().success_weight else None
    return contract.Route(
        accounts=route.accounts,
        strategy=contract.Strategy(ranking=ranking, success_weight=weight, explore_ppm=strategy.explore_ppm),
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
