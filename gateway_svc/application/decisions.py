"""Decisions as they are recorded, JSON."""

from typing import Any

from gateway_svc.application.ports import View
from gateway_svc.domain.routing import RoutedAccount, RouteDecision, StepUp


def decision_view(decision: RouteDecision) -> dict[str, Any]:
    """Give a decision as it is recorded; what is empty is left out."""
    view: dict[str, Any] = {
        "list_version": decision.list_version,
        "ruleset_version": decision.ruleset_version,
        "learning_current": decision.learning_current,
        "candidates": [_account_view(each) for each in decision.candidates],
    }
    optional = {
        "rule": decision.rule,
        "step_up": "" if decision.step_up is StepUp.UNSET else decision.step_up.value,
        "unheld_rules": list(decision.unheld_rules),
        "left_out": decision.left_out,
    }
    return view | {name: value for name, value in optional.items() if value}


def decision_of(view: View) -> RouteDecision:
    """Read a decision as recorded."""
    return RouteDecision(
        candidates=tuple(_account_of(item) for item in view["candidates"]),
        list_version=view["list_version"],
        ruleset_version=view["ruleset_version"],
        rule=view.get("rule", ""),
        step_up=StepUp(view.get("step_up", StepUp.UNSET)),
        unheld_rules=tuple(view.get("unheld_rules", ())),
        learning_current=view["learning_current"],
        left_out=view.get("left_out", 0),
    )


def _account_view(account: RoutedAccount) -> dict[str, Any]:
    view: dict[str, Any] = {"account": account.account, "reason": account.reason}
    if not account.eligible:
        view["eligible"] = False
    if account.approval_ppm is not None:
        view["approval_ppm"] = account.approval_ppm
    if account.fee is not None:
        view["fee"] = account.fee
    if account.explored:
        view["explored"] = True
    return view


def _account_of(view: View) -> RoutedAccount:
    return RoutedAccount(
        account=view["account"],
        eligible=view.get("eligible", True),
        reason=view["reason"],
        approval_ppm=view.get("approval_ppm"),
        fee=view.get("fee"),
        explored=view.get("explored", False),
    )
