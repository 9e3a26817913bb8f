"""Access tokens, certificates' ids and payers' links: signed with the account's secret, so that none is stored.

Source: developer.paypal.com, "Authentication": client id and secret as basic authentication, tokens for nine hours.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qs

from devstack.sandbox.dialects.contract import Desk
from devstack.sandbox.dialects.paypal import errors
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.settings import AccountEntry

TOKEN_PATH: Final = "/v1/oauth2/token"  # noqa: S105 - an address
CERTIFICATES_PATH: Final = "/v1/notifications/certs/"
PAYER_PATH: Final = "/webapps/helios"
TOKEN_SECONDS: Final = 32400
DEFAULT_CLIENT_ID: Final = "payera-sandbox-client"

_TOKEN_PREFIX: Final = "A21AA"  # noqa: S105 - how PayPal's tokens begin
_SCOPE: Final = "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/applications/webhooks"


def tag_of(account: AccountEntry, text: str) -> str:
    """Give a tag that only this account can have put on a text: 32 hexadecimal digits."""
    return hmac.new(account.api_key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def recognises(request: Incoming, account: AccountEntry) -> bool:
    """Tell whether a request bears the account's credentials, or asks for what belongs to this account alone."""
    if request.path == TOKEN_PATH:
        return _client_of(request) == (client_id_of(account), account.api_key)
    if request.path.startswith(CERTIFICATES_PATH):
        return request.path.removeprefix(CERTIFICATES_PATH).startswith(certificate_id(account, ""))
    if request.path == PAYER_PATH:
        values = parse_qs(request.query, max_num_fields=8)
        order, seal = values.get("token", [""])[0], values.get("seal", [""])[0]
        return bool(order) and hmac.compare_digest(tag_of(account, f"payer {order}").encode(), seal.encode())
    issued, _, seal = request.bearer.removeprefix(_TOKEN_PREFIX).partition("-")
    return bool(seal) and hmac.compare_digest(tag_of(account, f"token {issued}").encode(), seal.encode())


def is_in_force(request: Incoming, desk: Desk) -> bool:
    """Tell whether a recognised token has not ended yet."""
    issued = request.bearer.removeprefix(_TOKEN_PREFIX).partition("-")[0]
    return issued.isdecimal() and issued.isascii() and 0 <= desk.now() - int(issued) < TOKEN_SECONDS


def grant(request: Incoming, desk: Desk) -> Reply:
    """Answer a request for a token."""
    try:
        fields = dict(request.form())
    except ValueError:
        return errors.BAD_GRANT
    if request.method != "POST" or fields.get("grant_type") != "client_credentials":
        return errors.BAD_GRANT
    issued = str(desk.now())
    return Reply(
        200,
        {
            "scope": _SCOPE,
            "access_token": f"{_TOKEN_PREFIX}{issued}-{tag_of(desk.account, f'token {issued}')}",
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": TOKEN_SECONDS,
            "nonce": f"{issued}{desk.new_id(length=16)}",
        },
    )


def client_id_of(account: AccountEntry) -> str:
    """Give the client id of the account's app."""
    return account.settings.get("client_id", DEFAULT_CLIENT_ID)


def certificate_id(account: AccountEntry, serial: str) -> str:
    """Give the id of a signing certificate, the last part of its address."""
    return f"CERT-{tag_of(account, 'certificate')[:16]}-{serial}"


def payer_link(desk: Desk, order: str) -> str:
    """Give the address at which the payer of an order proves who they are."""
    seal = tag_of(desk.account, f"payer {order}")
    return f"{desk.base_url}{PAYER_PATH}?action=authenticate&token={order}&seal={seal}"


def _client_of(request: Incoming) -> tuple[str, str]:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return client, secret
