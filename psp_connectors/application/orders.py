"""Card operations as the gateway asks for them: with a vault token in place of the card."""

from dataclasses import dataclass, replace

from mesh.money import Money
from psp_connectors.domain.cards import NO_ADDRESS, Card
from psp_connectors.domain.details import NO_DETAILS, PaymentDetails
from psp_connectors.domain.operations import Authorization, OperationKind, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationOrder:
    """An authorization; `repetition` tells that a call with the same key was made before, to an unknown end.

    With `code_required` the PSP is not asked when the vault has no code of the card to give.
    """

    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    payment_id: str
    amount: Money
    capture: bool
    statement_descriptor: str = ""
    details: PaymentDetails = NO_DETAILS
    repetition: bool = False
    code_required: bool = False

    @property
    def kind(self) -> OperationKind:
        """Give the kind of the operation."""
        return OperationKind.AUTHORIZE

    @property
    def money(self) -> Money:
        """Give the amount asked for."""
        return self.amount

    def operation(self, card: Card) -> Authorization:
        """Give the operation for the card behind the token."""
        return Authorization(
            reference=self.reference,
            idempotency_key=self.idempotency_key,
            amount=self.amount,
            capture=self.capture,
            card=card,
            statement_descriptor=self.statement_descriptor,
            details=_with_address(self.details, card),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationOrder:
    """A verification; `repetition` as for an authorization."""

    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    payment_id: str
    currency: str
    details: PaymentDetails = NO_DETAILS
    repetition: bool = False

    @property
    def kind(self) -> OperationKind:
        """Give the kind of the operation."""
        return OperationKind.VERIFY

    @property
    def money(self) -> Money:
        """Give the amount asked for: none."""
        return Money(0, self.currency)

    def operation(self, card: Card) -> Verification:
        """Give the operation for the card behind the token."""
        return Verification(
            reference=self.reference,
            idempotency_key=self.idempotency_key,
            currency=self.currency,
            card=card,
            details=_with_address(self.details, card),
        )


CardOrder = AuthorizationOrder | VerificationOrder
"""An operation that needs the card behind a token."""


def _with_address(details: PaymentDetails, card: Card) -> PaymentDetails:
    """Give the details with the address that came with the card where the payment has none of its own.

    Issuers compare it with theirs.
    """
    customer = details.customer
    if customer.address != NO_ADDRESS or card.address == NO_ADDRESS:
        return details
    return replace(details, customer=replace(customer, address=card.address))
