"""Writes what accompanies an authorization: agreement, authentication, exemption, and what the PSP is to do by itself.

All of it comes from the record, so that every attempt, and every repetition of one, says the same.
"""

from types import MappingProxyType
from typing import Final

from payera.connectors.v1 import connector_service_pb2 as messages

from gateway_svc.domain.payment import Payment, ThreeDsPreference
from gateway_svc.domain.stored_credentials import CredentialReason, StoredCredential, initiator_of
from gateway_svc.domain.three_ds import Exemption, ThreeDsResult

_PREFERENCES: Final = MappingProxyType(
    {
        ThreeDsPreference.AUTOMATIC: messages.THREE_DS_PREFERENCE_AUTOMATIC,
        ThreeDsPreference.CHALLENGE: messages.THREE_DS_PREFERENCE_CHALLENGE,
        ThreeDsPreference.SKIP: messages.THREE_DS_PREFERENCE_SKIP,
    }
)
_EXEMPTIONS: Final = MappingProxyType(
    {
        Exemption.LOW_VALUE: messages.EXEMPTION_LOW_VALUE,
        Exemption.TRANSACTION_RISK: messages.EXEMPTION_TRANSACTION_RISK,
        Exemption.TRUSTED_BENEFICIARY: messages.EXEMPTION_TRUSTED_BENEFICIARY,
        Exemption.SECURE_CORPORATE: messages.EXEMPTION_SECURE_CORPORATE,
    }
)


def add_details(details: messages.PaymentDetails, payment: Payment) -> None:
    """Fill in what is known of a payment; what it says nothing of stays unset."""
    if payment.return_url:
        details.return_url = payment.return_url
    if payment.three_ds_preference is not ThreeDsPreference.AUTOMATIC:
        details.three_ds_preference = _PREFERENCES[payment.three_ds_preference]
    if payment.stored_credential is not None:
        details.stored_credential.CopyFrom(_stored_credential(payment.stored_credential))
    if payment.three_ds is not None:
        details.three_ds.CopyFrom(_three_ds(payment.three_ds))
    if payment.exemption is not None:
        details.exemption = _EXEMPTIONS[payment.exemption]


def _stored_credential(credential: StoredCredential) -> messages.StoredCredential:
    reason = credential.reason or CredentialReason.CARD_ON_FILE
    return messages.StoredCredential(
        initiator=f"INITIATOR_{initiator_of(credential)}",
        use=f"CREDENTIAL_USE_{credential.use}",
        reason=f"CREDENTIAL_REASON_{reason}",
        network_transaction_id=credential.network_transaction_id,
        network_transaction_date=credential.network_transaction_date,
    )


def _three_ds(result: ThreeDsResult) -> messages.ThreeDsResult:
    return messages.ThreeDsResult(
        version=result.version,
        eci=result.eci,
        cryptogram=result.cryptogram.reveal(),
        ds_transaction_id=result.ds_transaction_id,
        trans_status=result.trans_status,
        challenge_status=result.challenge_status,
    )
