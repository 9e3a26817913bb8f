"""Reads agreements and authentications out of requests, and shows them as recorded: cryptograms go in, never out."""

from types import MappingProxyType
from typing import Any, Final

from payera.gateway.v1 import payment_pb2

from gateway_svc.application.ports import View
from gateway_svc.domain.stored_credentials import CredentialReason, Initiator, StoredCredential
from gateway_svc.domain.three_ds import Cryptogram, Exemption, ThreeDsResult

EXEMPTIONS: Final = MappingProxyType(
    {
        payment_pb2.Exemption.EXEMPTION_UNSPECIFIED: None,
        payment_pb2.Exemption.LOW_VALUE: Exemption.LOW_VALUE,
        payment_pb2.Exemption.TRANSACTION_RISK: Exemption.TRANSACTION_RISK,
        payment_pb2.Exemption.TRUSTED_BENEFICIARY: Exemption.TRUSTED_BENEFICIARY,
        payment_pb2.Exemption.SECURE_CORPORATE: Exemption.SECURE_CORPORATE,
    }
)
_CREDENTIAL: Final = ("initiator", "reason", "network_transaction_id", "network_transaction_date")
_RESULT: Final = ("version", "eci", "ds_transaction_id", "trans_status", "challenge_status")


def stored_credential(message: payment_pb2.StoredCredential) -> StoredCredential:
    """Read the agreement that is named; what the request leaves out is None."""
    initiator = payment_pb2.StoredCredential.Initiator.Name(message.initiator) if message.initiator else None
    reason = payment_pb2.StoredCredential.CredentialReason.Name(message.reason) if message.reason else None
    return StoredCredential(
        initiator=None if initiator is None else Initiator(initiator),
        reason=None if reason is None else CredentialReason(reason),
        network_transaction_id=message.network_transaction_id,
        network_transaction_date=message.network_transaction_date,
    )


def three_ds_result(message: payment_pb2.ThreeDSecure) -> ThreeDsResult:
    """Read the authentication that was done elsewhere."""
    cryptogram = Cryptogram(message.cryptogram)
    return ThreeDsResult(
        version=message.version,
        trans_status=message.trans_status,
        eci=message.eci,
        ds_transaction_id=message.ds_transaction_id,
        challenge_status=message.challenge_status,
        proven=bool(cryptogram),
        cryptogram=cryptogram,
    )


def stored_credential_fields(view: View | None) -> dict[str, Any] | None:
    """Give the fields of the contract's message for an agreement as recorded."""
    return None if view is None else {name: view[name] for name in _CREDENTIAL if name in view}


def three_d_secure_fields(view: View | None) -> dict[str, Any] | None:
    """Give the fields of the contract's summary for an authentication as recorded."""
    return None if view is None else {name: view[name] for name in _RESULT if name in view}
