"""Agreements and authentications of a payment as they are recorded, JSON, and the checks of both before that."""

from collections.abc import Iterator
from typing import Any

from gateway_svc.application.checks import require_network_transaction_id, require_none
from gateway_svc.application.ports import View
from gateway_svc.domain.stored_credentials import (
    CredentialReason,
    CredentialUse,
    Fault,
    Initiator,
    StoredCredential,
    faults_of_credential,
    initiator_of,
)
from gateway_svc.domain.three_ds import (
    Exemption,
    ThreeDsResult,
    faults_of_exemption,
    faults_of_result,
)


def require_agreement(
    credential: StoredCredential | None, result: ThreeDsResult | None, exemption: Exemption | None
) -> None:
    """Refuse with INVALID_FIELD, or CARD_NUMBER_IN_TEXT, what does not fit whatever the card."""
    require_none(_faults(credential, result, exemption))
    if credential is not None:
        require_network_transaction_id("stored_credential.network_transaction_id", credential.network_transaction_id)


def require_authentication(credential: StoredCredential | None, result: ThreeDsResult | None, brand: str) -> None:
    """Refuse with INVALID_FIELD an authentication that can't be sent for a card of this brand."""
    if result is not None:
        by_merchant = initiator_of(credential) is Initiator.MERCHANT
        require_none(faults_of_result(result, brand=brand, by_merchant=by_merchant))


def credential_view(credential: StoredCredential) -> dict[str, Any]:
    """Give an agreement as it is recorded; what is empty is left out, and the record decides its use."""
    view = {
        "initiator": credential.initiator,
        "reason": credential.reason,
        "network_transaction_id": credential.network_transaction_id,
        "network_transaction_date": credential.network_transaction_date,
    }
    return {name: str(value) for name, value in view.items() if value}


def credential_of(view: View | None) -> StoredCredential | None:
    """Read an agreement as recorded."""
    if view is None:
        return None
    return StoredCredential(
        initiator=Initiator(view["initiator"]),
        reason=CredentialReason(view["reason"]),
        network_transaction_id=view.get("network_transaction_id", ""),
        network_transaction_date=view.get("network_transaction_date", ""),
        use=CredentialUse(view["use"]),
    )


def result_view(result: ThreeDsResult) -> dict[str, Any]:
    """Give an authentication as it is recorded: whether there is a cryptogram, and never the cryptogram."""
    view = {
        "version": result.version,
        "eci": result.eci,
        "ds_transaction_id": result.ds_transaction_id,
        "trans_status": result.trans_status,
        "challenge_status": result.challenge_status,
        "cryptogram": bool(result.cryptogram),
    }
    return {name: value for name, value in view.items() if value}


def result_of(view: View | None) -> ThreeDsResult | None:
    """Read an authentication as recorded, without its cryptogram."""
    if view is None:
        return None
    return ThreeDsResult(
        version=view["version"],
        trans_status=view["trans_status"],
        eci=view.get("eci", ""),
        ds_transaction_id=view.get("ds_transaction_id", ""),
        challenge_status=view.get("challenge_status", ""),
        proven=view.get("cryptogram", False),
    )


def exemption_of(name: str | None) -> Exemption | None:
    """Read an exemption as recorded."""
    return None if name is None else Exemption(name)


def _faults(
    credential: StoredCredential | None, result: ThreeDsResult | None, exemption: Exemption | None
) -> Iterator[Fault]:
    if credential is not None:
        yield from faults_of_credential(credential)
    if exemption is not None:
        by_merchant = initiator_of(credential) is Initiator.MERCHANT
        yield from faults_of_exemption(exemption, result, by_merchant=by_merchant)
