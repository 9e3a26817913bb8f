"""Whether an account can be asked for an operation at all, by what its connector and its owner say."""

from mesh.money import Money
from psp_connectors.domain.capabilities import AskBy, Capabilities
from psp_connectors.domain.connector import Account
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.operations import Capture, Operation, OperationKind, Sync
from psp_connectors.domain.outcomes import CallCode

Reason = tuple[CallCode | DeclineCode, str]
"""A code and a text for engineers."""


def reason_against(
    account: Account,
    capabilities: Capabilities,
    kind: OperationKind,
    money: Money | None = None,
    *,
    brand: str = "",
    operation: Operation | None = None,
) -> Reason | None:
    """Give why the operation can't be put to this account; None when nothing is known against it.

    `money` and `brand` are those of a card operation, as far as they are known. What is refused here was not sent.
    """
    capability = capabilities.operations.get(kind)
    if capability is None:
        return CallCode.OPERATION_NOT_SUPPORTED, "the PSP has no such operation"
    if isinstance(operation, Sync) and not _can_ask(capability.ask_by, operation):
        return CallCode.OPERATION_NOT_SUPPORTED, "the PSP can't be asked by what is known of the operation"
    if isinstance(operation, Capture) and not operation.final and not capabilities.multiple_captures:
        return CallCode.OPERATION_NOT_SUPPORTED, "the PSP captures an authorization once: the capture must be final"
    if money is not None:
        against = _against_money(capabilities, kind, money)
        if against is not None:
            return against
    brands = account.brands or capabilities.brands
    if brand and brands and brand not in brands:
        return DeclineCode.CARD_NOT_SUPPORTED, "the account does not take cards of this brand"
    return None


def _against_money(capabilities: Capabilities, kind: OperationKind, money: Money) -> Reason | None:
    if capabilities.currencies and money.currency not in capabilities.currencies:
        return DeclineCode.CURRENCY_NOT_SUPPORTED, "the PSP does not take this currency"
    limits = capabilities.limits_of(money.currency)
    if kind is OperationKind.AUTHORIZE and not limits.smallest <= money.value <= limits.largest:
        return DeclineCode.INVALID_AMOUNT, "the amount is outside what the PSP takes in this currency"
    return None


def _can_ask(ask_by: frozenset[AskBy], operation: Sync) -> bool:
    known = {
        AskBy.REFERENCE: True,
        AskBy.PSP_REFERENCE: bool(operation.psp_reference),
        AskBy.PAYMENT: bool(operation.payment_psp_reference),
    }
    return any(known[what] for what in ask_by)
