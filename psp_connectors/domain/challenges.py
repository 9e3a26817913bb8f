"""What it means that a PSP waits for the shopper, by whether it goes on by itself afterwards."""

from dataclasses import replace

from psp_connectors.domain.capabilities import Capabilities, Feature
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.operations import Operation, OperationKind, kind_of
from psp_connectors.domain.outcomes import Outcome, OutcomeKind


def without_shopper(capabilities: Capabilities, operation: Operation, outcome: Outcome) -> Outcome:
    """Give the outcome, a decline where an authorization waits for a call after the shopper has acted.

    Such a call is never made, and the shopper is sent nowhere, so that nothing of it can ever be held or charged.
    """
    waits = outcome.kind is OutcomeKind.ACTION_REQUIRED and kind_of(operation) is OperationKind.AUTHORIZE
    if not waits or Feature.CHALLENGE in capabilities.features:
        return outcome
    return replace(
        outcome,
        kind=OutcomeKind.DECLINED,
        code=DeclineCode.AUTHENTICATION_REQUIRED.value,
        detail="the PSP waits for the shopper and then for a call that is never made",
        next_action=None,
    )
