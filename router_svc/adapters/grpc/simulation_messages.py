"""Translates what a draft would change into the contract."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from payera.routing.v1 import simulation_pb2 as contract

from router_svc.application.simulate_ruleset import Simulation
from router_svc.domain.simulation import AccountCount, CurrencySums, Example, Money, Place, Side


def simulation_message(simulation: Simulation) -> contract.RulesetSimulation:
    """Give the difference that a draft would have made."""
    difference = simulation.difference
    return contract.RulesetSimulation(
        active_version=simulation.active_version,
        version=simulation.version,
        payments=difference.payments,
        oldest_time=_timestamp(simulation.oldest),
        newest_time=_timestamp(simulation.newest),
        complete=simulation.complete,
        moved=difference.moved,
        approved_in_fact=difference.approved,
        open=difference.open,
        before=_side(difference.before),
        after=_side(difference.after),
        accounts=[_account(each) for each in difference.accounts],
        currencies=[_currency(each) for each in difference.currencies],
        examples=[_move(each) for each in difference.examples],
        learning_current=simulation.learning_current,
        troubled_accounts=simulation.troubled,
    )


def _side(side: Side) -> contract.SimulatedSide:
    return contract.SimulatedSide(
        blocked=side.blocked,
        not_served=side.unserved,
        three_ds_required=side.three_ds_required,
        three_ds_skipped=side.three_ds_skipped,
        expected_approvals_ppm=side.approvals_ppm,
        rules=[
            contract.SimulatedRule(rule=each.rule, payments=each.payments, failed=each.failed) for each in side.rules
        ],
    )


def _account(count: AccountCount) -> contract.SimulatedAccount:
    return contract.SimulatedAccount(
        psp_account=count.account, in_fact=count.tried, before=count.before, after=count.after
    )


def _currency(sums: CurrencySums) -> contract.SimulatedCurrency:
    return contract.SimulatedCurrency(
        currency=sums.currency,
        payments=sums.payments,
        amount=sums.amount,
        before=_amounts(sums.before),
        after=_amounts(sums.after),
    )


def _amounts(money: Money) -> contract.SimulatedAmounts:
    return contract.SimulatedAmounts(approved=money.approved, fees=money.fees)


def _move(example: Example) -> contract.SimulatedMove:
    facts = example.payment.facts
    return contract.SimulatedMove(
        payment_id=facts.payment_id,
        amount=facts.amount,
        currency=facts.currency,
        before=_place(example.before),
        after=_place(example.after),
    )


def _place(place: Place) -> contract.SimulatedPlace:
    return contract.SimulatedPlace(
        psp_account=place.account, blocked=place.blocked, rule=place.rule, reason=place.reason
    )


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
