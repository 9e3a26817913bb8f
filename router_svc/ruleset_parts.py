"""Puts together what rulesets need: the store, the checks, and the active ones for routing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.database import Database
from router_svc.adapters.postgres.ruleset_store import PostgresRulesetStore
from router_svc.application.active_rulesets import ActiveRulesets
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.application.manage_rulesets import ManageRulesets
from router_svc.application.ports.conditions import ConditionCompiler
from router_svc.application.ports.merchant_accounts import MerchantAccounts

#: One at a time: a check keeps a processor busy, which payments need too.
CHECKS_AT_ONCE: Final = 1
CHECKS_WAITING_MAX: Final = 8
COMPILATIONS_AT_ONCE: Final = 1
#: After a start, every merchant with a ruleset comes at once.
COMPILATIONS_WAITING_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class RulesetParts:
    """What routing asks, what the service calls, and the threads of each."""

    active: ActiveRulesets
    manage: ManageRulesets
    compiling: BoundedThreads
    checking: BoundedThreads

    def close(self) -> None:
        """Begin no more work in threads; what runs goes on to its end."""
        for threads in (self.compiling, self.checking):
            threads.close()


def build_rulesets(
    *,
    database: Database,
    accounts: MerchantAccounts,
    conditions: ConditionCompiler,
    monotonic: Callable[[], float],
) -> RulesetParts:
    """Build the parts over one database; nothing is asked of it yet."""
    store = PostgresRulesetStore(database)
    # Of their own: a payment must not wait behind the check of somebody's draft.
    compiling = BoundedThreads(at_once=COMPILATIONS_AT_ONCE, waiting_max=COMPILATIONS_WAITING_MAX, name="compile")
    checking = BoundedThreads(at_once=CHECKS_AT_ONCE, waiting_max=CHECKS_WAITING_MAX, name="check")
    active = ActiveRulesets(store=store, conditions=conditions, threads=compiling, monotonic=monotonic)
    manage = ManageRulesets(
        store=store,
        accounts=accounts,
        check=CheckRuleset(conditions),
        threads=checking,
        changed=active.changed,
    )
    return RulesetParts(active, manage, compiling, checking)
