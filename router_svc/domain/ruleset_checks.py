"""What is wrong with a draft of a ruleset, before it can be activated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from router_svc.domain.facts import AccountFacts
from router_svc.domain.predicates import Predicate
from router_svc.domain.problems import Problem, ProblemKind, Severity, closest
from router_svc.domain.reach_checks import reach_problems
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Split, Strategy

RULES_MAX: Final = 200
NAME_LENGTH_MAX: Final = 64
ACCOUNTS_MAX: Final = 50
SHARES_MAX: Final = 10
WEIGHTS_SUM_MAX: Final = 1_000_000
SUCCESS_WEIGHT_MAX: Final = 100
EXPLORE_PPM_MAX: Final = 100_000
BLOCK_REASON_LENGTH_MAX: Final = 200
_NAMES_TOLD: Final = 10


def check_size(ruleset: Ruleset) -> tuple[Problem, ...]:
    """Say whether a draft has more rules than may be compiled; nothing else is to be done with one that has."""
    if len(ruleset.rules) <= RULES_MAX:
        return ()
    why = f"there are {len(ruleset.rules)} rules, and a ruleset has at most {RULES_MAX}"
    return (Problem(Severity.ERROR, ProblemKind.TOO_LARGE, "rules", "", why, "put rules with one action together"),)


def check_ruleset(
    ruleset: Ruleset, predicates: Sequence[Predicate | None], accounts: Mapping[str, AccountFacts]
) -> tuple[Problem, ...]:
    """Give all problems of a draft in the order of its rules, beside those of conditions that do not compile.

    `predicates` has what each rule's condition says, None where that is not known; `accounts` are all of the merchant
    by their names. A rule is called one that never holds, is hidden or is not served only when that is so for every
    payment there can be.
    """
    found: list[Problem] = []
    names: dict[str, int] = {}
    for index, rule in enumerate(ruleset.rules):
        draft = _Draft(f"rules[{index}]", rule.name, accounts)
        found += _name_problems(draft, index, names)
        found += _action_problems(draft, rule)
    found += _route_problems(_Draft("", "", accounts), ruleset.otherwise, field="otherwise")
    found += reach_problems(ruleset, predicates, accounts)
    return in_order(ruleset, found)


def in_order(ruleset: Ruleset, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Give problems in the order of the rules that have them, those of no rule last."""
    order = {f"rules[{index}]": index for index in range(len(ruleset.rules))}
    return tuple(sorted(problems, key=lambda problem: order.get(problem.field.partition(".")[0], len(order))))


@dataclass(frozen=True, slots=True)
class _Draft:
    """The part of a draft that is checked: its path, the rule's name, and the accounts that may be named."""

    path: str
    rule: str
    accounts: Mapping[str, AccountFacts]

    def error(self, kind: ProblemKind, field: str, why: str, instead: str) -> Problem:
        return Problem(Severity.ERROR, kind, self._field(field), self.rule, why, instead)

    def warning(self, kind: ProblemKind, field: str, why: str, instead: str) -> Problem:
        return Problem(Severity.WARNING, kind, self._field(field), self.rule, why, instead)

    def _field(self, field: str) -> str:
        return ".".join(part for part in (self.path, field) if part)


def _name_problems(draft: _Draft, index: int, names: dict[str, int]) -> Iterator[Problem]:
    name = draft.rule
    if not name.strip():
        yield draft.error(ProblemKind.NAME, "name", "the rule has no name", "say in a few words what the rule is for")
        return
    if len(name) > NAME_LENGTH_MAX:
        why = f"the name has {len(name)} characters, and a name has at most {NAME_LENGTH_MAX}"
        yield draft.error(ProblemKind.NAME, "name", why, "shorten it")
    first = names.setdefault(name, index)
    if first != index:
        why = f"rules[{first}] has the name `{name}` too, and decisions name the rule that made them"
        yield draft.error(ProblemKind.NAME, "name", why, "give each rule a name of its own")


def _action_problems(draft: _Draft, rule: Rule) -> Iterator[Problem]:
    match rule.action:
        case RouteTo():
            yield from _route_problems(draft, rule.action, field="action")
        case Split():
            yield from _split_problems(draft, rule.action)
        case Block():
            reason = rule.action.reason
            if not reason.strip():
                instead = "say what the merchant is to be told"
                yield draft.error(ProblemKind.BLOCK, "action.reason", "a block gives no reason", instead)
            if len(reason) > BLOCK_REASON_LENGTH_MAX:
                why = f"the reason has {len(reason)} characters, and a reason has at most {BLOCK_REASON_LENGTH_MAX}"
                yield draft.error(ProblemKind.BLOCK, "action.reason", why, "shorten it")


def _route_problems(draft: _Draft, route: RouteTo, *, field: str) -> Iterator[Problem]:
    yield from _strategy_problems(draft, route.strategy, field=f"{field}.strategy")
    if len(route.accounts) > ACCOUNTS_MAX:
        why = f"there are {len(route.accounts)} accounts, and a rule names at most {ACCOUNTS_MAX}"
        yield draft.error(ProblemKind.ACCOUNT, f"{field}.accounts", why, "name the best ones")
        return
    yield from _account_problems(
        draft, {f"{field}.accounts[{place}]": account for place, account in enumerate(route.accounts)}
    )


def _strategy_problems(draft: _Draft, strategy: Strategy, *, field: str) -> Iterator[Problem]:
    weight, explore = strategy.success_weight, strategy.explore_ppm
    if not 0 <= weight <= SUCCESS_WEIGHT_MAX:
        why = f"{weight} is no weight: the rest of {SUCCESS_WEIGHT_MAX} is the weight of the cost"
        instead = f"write a number from 0 to {SUCCESS_WEIGHT_MAX}"
        yield draft.error(ProblemKind.STRATEGY, f"{field}.success_weight", why, instead)
    elif weight != Strategy().success_weight and strategy.ranking is not Ranking.WEIGHTED:
        why = f"the weight counts for the ranking `weighted` alone, and this one is `{strategy.ranking}`"
        instead = "leave it out, or rank by `weighted`"
        yield draft.warning(ProblemKind.STRATEGY, f"{field}.success_weight", why, instead)
    if not 0 <= explore <= EXPLORE_PPM_MAX:
        why = f"{explore} millionths of the payments can't be used to explore"
        instead = f"write a number from 0 to {EXPLORE_PPM_MAX}: at most a tenth of the payments"
        yield draft.error(ProblemKind.STRATEGY, f"{field}.explore_ppm", why, instead)
    elif explore and strategy.ranking is Ranking.PRIORITY:
        why = "accounts that are ranked by `priority` are taken in their order, and nothing is explored"
        instead = "leave it out, or rank by `success_rate`, `least_cost` or `weighted`"
        yield draft.warning(ProblemKind.STRATEGY, f"{field}.explore_ppm", why, instead)


def _split_problems(draft: _Draft, split: Split) -> Iterator[Problem]:
    count = len(split.shares)
    if not 1 <= count <= SHARES_MAX:
        instead = f"write from 2 to {SHARES_MAX} shares"
        yield draft.error(ProblemKind.SPLIT, "action.shares", f"a split of {count} shares can't be made", instead)
        return
    if count == 1:
        instead = "add a share, or route to the account"
        yield draft.warning(ProblemKind.SPLIT, "action.shares", "a split of one share splits nothing", instead)
    yield from _account_problems(
        draft, {f"action.shares[{place}].account": share.account for place, share in enumerate(split.shares)}
    )
    for place, share in enumerate(split.shares):
        if share.weight < 1:
            why = f"{share.weight} is no weight: an account with it would never come first"
            instead = "write a whole number above 0, or leave the share out"
            yield draft.error(ProblemKind.SPLIT, f"action.shares[{place}].weight", why, instead)
    total = sum(share.weight for share in split.shares)
    if total > WEIGHTS_SUM_MAX:
        why = f"the weights make {total} parts together, and a split has at most {WEIGHTS_SUM_MAX}"
        yield draft.error(ProblemKind.SPLIT, "action.shares", why, "write per cents, like 70 and 30")


def _account_problems(draft: _Draft, named: Mapping[str, str]) -> Iterator[Problem]:
    """Check the accounts that a rule names, by the field that each stands in."""
    seen: dict[str, str] = {}
    for field, account in named.items():
        known = draft.accounts.get(account)
        if account in seen:
            why = f"the account `{account}` stands here twice"
            yield draft.error(ProblemKind.ACCOUNT, field, why, "name each account once")
        elif known is None:
            why = f"the merchant has no account `{account}`"
            yield draft.error(ProblemKind.ACCOUNT, field, why, _account_meant(account, draft.accounts))
        elif known.disabled:
            why = f"the account `{account}` is disabled, so that no payment goes to it"
            yield draft.warning(ProblemKind.ACCOUNT, field, why, "enable the account, or leave it out")
        seen[account] = field


def _account_meant(account: str, accounts: Mapping[str, AccountFacts]) -> str:
    of_connector = sorted(known.account for known in accounts.values() if known.connector == account)
    if of_connector:
        listed = ", ".join(f"`{name}`" for name in of_connector[:_NAMES_TOLD])
        return f"`{account}` is a connector: name one of its accounts, {listed}"
    meant = closest(account, accounts)
    if meant:
        return f"write `{meant}`"
    if not accounts:
        return "create an account first"
    return "name one of these: " + ", ".join(f"`{name}`" for name in sorted(accounts)[:_NAMES_TOLD])
