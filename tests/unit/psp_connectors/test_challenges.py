"""What it means that a PSP waits for the shopper: a decline where it then waits for a call that nobody makes."""

import pytest

from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.capabilities import AskBy, Feature
from psp_connectors.domain.challenges import without_shopper
from psp_connectors.domain.operations import Operation, OperationKind, Sync
from psp_connectors.domain.outcomes import NextAction, NextActionKind, Outcome, OutcomeKind

ACTION = NextAction(kind=NextActionKind.REDIRECT, url="https://psp.example/1")
WAITS = Outcome(kind=OutcomeKind.ACTION_REQUIRED, psp_reference="psp_1", raw_code="R", next_action=ACTION)


def asked(kind: OperationKind = OperationKind.AUTHORIZE) -> Operation:
    return Sync(kind=kind, reference="pay_1_1", amount=Money(1, "EUR"))


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_what_waits_is_a_decline_unless_the_psp_goes_on_by_itself(name: str) -> None:
    capabilities = CONNECTORS[name].capabilities
    outcome = without_shopper(capabilities, asked(), WAITS)
    if Feature.CHALLENGE in capabilities.features:
        assert outcome == WAITS
        return
    assert (outcome.kind, outcome.code, outcome.psp_reference, outcome.raw_code) == (
        OutcomeKind.DECLINED,
        "authentication_required",
        "psp_1",
        "R",
    )
    assert outcome.next_action is None


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_everything_else_stays_as_it_is(name: str) -> None:
    capabilities = CONNECTORS[name].capabilities
    approved = Outcome(kind=OutcomeKind.APPROVED, psp_reference="psp_1")
    assert without_shopper(capabilities, asked(), approved) == approved
    assert without_shopper(capabilities, asked(OperationKind.VERIFY), WAITS) == WAITS


def test_who_goes_on_by_itself_can_be_asked_and_who_cancels_can_void() -> None:
    able = {name for name, each in CONNECTORS.items() if Feature.CHALLENGE in each.capabilities.features}
    assert able == {"sandbox", "stripe", "checkout"}
    for name, connector in CONNECTORS.items():
        features, operations = connector.capabilities.features, connector.capabilities.operations
        authorize = operations[OperationKind.AUTHORIZE]
        if Feature.CHALLENGE in features:
            assert authorize.ask_by & {AskBy.REFERENCE, AskBy.PSP_REFERENCE}, name
        if Feature.CANCEL_CHALLENGE in features:
            assert Feature.CHALLENGE in features, name
            assert OperationKind.VOID in operations, name
