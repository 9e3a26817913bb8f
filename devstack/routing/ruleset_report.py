"""Writes rulesets and what is wrong with them for people at a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click


def problem_lines(problems: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write problems as a compiler does: what and where, the line with a caret under the place, and what to write."""
    for problem in problems:
        error = problem["severity"] == "ERROR"
        position = problem.get("position")
        place = problem["field"] + (f":{position['line']}:{position['column']}" if position else "")
        rule = f', rule "{problem["rule"]}"' if problem["rule"] else ""
        word = click.style("error" if error else "warning", fg="red" if error else "yellow")
        yield f"{word}: {place}{rule}"
        yield f"  {problem['why']}"
        if position:
            yield from (f"    {line}" for line in position["excerpt"].split("\n"))
        yield f"  instead: {problem['instead']}"
    errors = sum(problem["severity"] == "ERROR" for problem in problems)
    if problems:
        yield f"{_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}"


def version_lines(version: Mapping[str, Any]) -> Iterator[str]:
    """Write a version with its rules and its history."""
    note = f"  {version['note']}" if version["note"] else ""
    yield f"version {version['version']}  {version['state'].lower()}{note}"
    yield f"  saved        {version['create_time']} by {version['created_by']}"
    if version["approved_by"]:
        yield f"  approved by  {', '.join(version['approved_by'])}"
    ruleset = version.get("ruleset", {})
    for number, rule in enumerate(ruleset.get("rules", []), 1):
        yield f"  {number:>3}. {rule['name']}"
        yield from (f"       {'if' if not place else '  '} {line}" for place, line in enumerate(_condition(rule)))
        step_up = {"REQUIRE": "; 3-D Secure is required", "SKIP": "; 3-D Secure is skipped"}
        yield f"       -> {_action(rule)}{step_up.get(rule.get('step_up', ''), '')}"
    yield f"  else -> {_route(ruleset.get('otherwise', {}))}"
    for change in version["history"]:
        yield f"  {change['change_time']}  {_change(change)}"


def change_line(change: Mapping[str, Any]) -> str:
    """Write one change."""
    return f"{change['number']:>5}  {change['change_time']}  {_change(change)}"


def version_rows(versions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Write versions as a table."""
    yield f"{'VERSION':>7}  {'STATE':<9} {'RULES':>5}  {'SAVED':<20}  NOTE"
    for each in versions:
        saved = each["create_time"][:19] + "Z"
        yield f"{each['version']:>7}  {each['state'].lower():<9} {each['rule_count']:>5}  {saved:<20}  {each['note']}"


def _condition(rule: Mapping[str, Any]) -> list[str]:
    return (rule.get("condition") or "true").split("\n")


def _action(rule: Mapping[str, Any]) -> str:
    if "block" in rule:
        return f"send it nowhere: {rule['block']['reason']}"
    if "split" in rule:
        return "split: " + ", ".join(f"{share['account']} {share['weight']}" for share in rule["split"]["shares"])
    return _route(rule.get("route", {}))


def _route(route: Mapping[str, Any]) -> str:
    accounts = ", ".join(route.get("accounts", [])) or "all accounts of the merchant"
    strategy = route.get("strategy", {})
    ranking = strategy.get("ranking", "PRIORITY").lower().replace("_", " ")
    weight = f", {strategy['success_weight']} of 100 for success" if "success_weight" in strategy else ""
    explore = strategy.get("explore_ppm", 0)
    exploring = f", exploring {explore / 10_000:g} %" if explore else ""
    return f"{accounts} by {ranking}{weight}{exploring}"


def _change(change: Mapping[str, Any]) -> str:
    kind = change["kind"].lower().replace("_", " ")
    about = f" version {change['version']}" if change["version"] else ""
    if change["kind"] in ("ACTIVATED", "ROLLED_BACK"):
        about = about or " to none"
        about += f" in place of {change['replaced_version'] or 'none'}"
    return f"{kind}{about} by {change['key_id']}, request {change['request_id']}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
