"""Credentials of an account as they are sealed, and the places they are sealed for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from psp_connectors.application.account_ports import Seal, SealBroken, Sealed
from psp_connectors.domain.cards import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key, and the further secrets by the names that the connector has for them."""

    api_key: Secret
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of what is set, and nothing else of it."""
        return ("api_key", *sorted(self.secrets))


class _Kept(msgspec.Struct, frozen=True):
    api_key: str
    secrets: dict[str, str]


def seal_credentials(seal: Seal, account: str, version: int, credentials: Credentials) -> Sealed:
    """Seal credentials for this account and version."""
    kept = _Kept(credentials.api_key.reveal(), {name: text.reveal() for name, text in credentials.secrets.items()})
    return seal.seal(msgspec.json.encode(kept), _place_of_credentials(account, version))


def open_credentials(seal: Seal, account: str, version: int, sealed: Sealed) -> Credentials:
    """Give the credentials back; raises SealBroken."""
    text = seal.open(sealed, _place_of_credentials(account, version))
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        # The error would quote what it read.
        message = f"the credentials of {account} are of an unknown form"
        raise SealBroken(message) from None
    return Credentials(Secret(kept.api_key), {name: Secret(text) for name, text in kept.secrets.items()})


def seal_webhook_secret(seal: Seal, account: str, secret_id: str, secret: Secret) -> Sealed:
    """Seal a webhook secret for this account and id."""
    return seal.seal(secret.reveal().encode(), _place_of_webhook_secret(account, secret_id))


def open_webhook_secret(seal: Seal, account: str, secret_id: str, sealed: Sealed) -> Secret:
    """Give the webhook secret back; raises SealBroken."""
    return Secret(seal.open(sealed, _place_of_webhook_secret(account, secret_id)).decode())


def _place_of_credentials(account: str, version: int) -> str:
    # Names of accounts have no slash, so that no two places read alike.
    return f"psp_account/{account}/credentials/{version}"


def _place_of_webhook_secret(account: str, secret_id: str) -> str:
    return f"psp_account/{account}/webhook_secret/{secret_id}"
