"""Reads what accompanies a card operation out of the contract's messages."""

from types import MappingProxyType
from typing import Final

from payera.connectors.v1 import connector_service_pb2 as contract

from psp_connectors.domain.cards import Address
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Cryptogram,
    Customer,
    Exemption,
    Initiator,
    Level2,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
    ThreeDsResult,
)

INITIATORS: Final = MappingProxyType(
    {
        contract.INITIATOR_CUSTOMER: Initiator.CUSTOMER,
        contract.INITIATOR_MERCHANT: Initiator.MERCHANT,
    }
)
USES: Final = MappingProxyType(
    {
        contract.CREDENTIAL_USE_FIRST: CredentialUse.FIRST,
        contract.CREDENTIAL_USE_SUBSEQUENT: CredentialUse.SUBSEQUENT,
    }
)
REASONS: Final = MappingProxyType(
    {
        contract.CREDENTIAL_REASON_CARD_ON_FILE: CredentialReason.CARD_ON_FILE,
        contract.CREDENTIAL_REASON_RECURRING: CredentialReason.RECURRING,
        contract.CREDENTIAL_REASON_INSTALLMENT: CredentialReason.INSTALLMENT,
        contract.CREDENTIAL_REASON_UNSCHEDULED: CredentialReason.UNSCHEDULED,
        contract.CREDENTIAL_REASON_RESUBMISSION: CredentialReason.RESUBMISSION,
        contract.CREDENTIAL_REASON_DELAYED_CHARGE: CredentialReason.DELAYED_CHARGE,
        contract.CREDENTIAL_REASON_NO_SHOW: CredentialReason.NO_SHOW,
        contract.CREDENTIAL_REASON_REAUTHORIZATION: CredentialReason.REAUTHORIZATION,
        contract.CREDENTIAL_REASON_PARTIAL_SHIPMENT: CredentialReason.PARTIAL_SHIPMENT,
    }
)
PREFERENCES: Final = MappingProxyType(
    {
        contract.THREE_DS_PREFERENCE_UNSPECIFIED: ThreeDsPreference.AUTOMATIC,
        contract.THREE_DS_PREFERENCE_AUTOMATIC: ThreeDsPreference.AUTOMATIC,
        contract.THREE_DS_PREFERENCE_CHALLENGE: ThreeDsPreference.CHALLENGE,
        contract.THREE_DS_PREFERENCE_SKIP: ThreeDsPreference.SKIP,
    }
)
EXEMPTIONS: Final = MappingProxyType(
    {
        contract.EXEMPTION_UNSPECIFIED: None,
        contract.EXEMPTION_LOW_VALUE: Exemption.LOW_VALUE,
        contract.EXEMPTION_TRANSACTION_RISK: Exemption.TRANSACTION_RISK,
        contract.EXEMPTION_TRUSTED_BENEFICIARY: Exemption.TRUSTED_BENEFICIARY,
        contract.EXEMPTION_SECURE_CORPORATE: Exemption.SECURE_CORPORATE,
    }
)


def details(message: contract.PaymentDetails) -> PaymentDetails:
    """Read the details; enumerations were checked by the contract's own rules."""
    return PaymentDetails(
        merchant_reference=message.merchant_reference,
        description=message.description,
        return_url=message.return_url,
        customer=_customer(message.customer),
        stored_credential=_stored_credential(message.stored_credential)
        if message.HasField("stored_credential")
        else None,
        three_ds=_three_ds(message.three_ds) if message.HasField("three_ds") else None,
        three_ds_preference=PREFERENCES[message.three_ds_preference],
        exemption=EXEMPTIONS[message.exemption],
        level2=Level2(
            customer_reference=message.level2.customer_reference,
            tax_amount=message.level2.tax_amount,
        )
        if message.HasField("level2")
        else None,
    )


def _customer(message: contract.Customer) -> Customer:
    address = message.address
    return Customer(
        id=message.id,
        name=message.name,
        email=message.email,
        ip_address=message.ip_address,
        address=Address(
            line1=address.line1,
            line2=address.line2,
            city=address.city,
            state=address.state,
            postal_code=address.postal_code,
            country=address.country,
        ),
    )


def _stored_credential(message: contract.StoredCredential) -> StoredCredential:
    return StoredCredential(
        initiator=INITIATORS[message.initiator],
        use=USES[message.use],
        reason=REASONS[message.reason],
        network_transaction_id=message.network_transaction_id,
        network_transaction_date=message.network_transaction_date,
    )


def _three_ds(message: contract.ThreeDsResult) -> ThreeDsResult:
    return ThreeDsResult(
        version=message.version,
        eci=message.eci,
        cryptogram=Cryptogram(message.cryptogram),
        ds_transaction_id=message.ds_transaction_id,
        trans_status=message.trans_status,
        challenge_status=message.challenge_status,
    )
