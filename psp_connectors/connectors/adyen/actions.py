"""What Adyen wants of the shopper, as a next action (docs.adyen.com, 3D Secure: redirect and native integrations).

A redirect is opened as it comes. For native 3-D Secure 2 Adyen gives a token that holds the messages of EMV 3-D Secure:
the page of the 3DS method with its data, or that of the ACS with the challenge request.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from psp_connectors.domain.outcomes import NextAction, NextActionKind
from psp_connectors.domain.reading import mapping_at, text_at

_LONGEST_TOKEN: Final = 100_000
_METHODS: Final = frozenset({"GET", "POST"})
_CHALLENGE_WINDOW: Final = "05"  # the whole screen; the page decides how large its frame is


def next_action(action: object) -> NextAction | None:
    """Give the next action of an answer; None for one that is not of a card payment or can't be followed."""
    match text_at(action, "type"):
        case "redirect":
            return _redirect(action)
        case "threeDS2":
            return _native(action)
        case _:
            return None


def _redirect(action: object) -> NextAction | None:
    url, method = text_at(action, "url"), text_at(action, "method") or "GET"
    if not _is_address(url) or method not in _METHODS:
        return None
    data = mapping_at(action, "data")
    fields = {name: value for name, value in data.items() if isinstance(value, str)}
    return NextAction(kind=NextActionKind.REDIRECT, url=url, method=method, fields=fields)


def _native(action: object) -> NextAction | None:
    token = _decoded(text_at(action, "token"))
    transaction = text_at(token, "threeDSServerTransID")
    match text_at(action, "subtype"):
        case "fingerprint":
            url = text_at(token, "threeDSMethodURL") or text_at(token, "threeDSMethodUrl")
            data = {
                "threeDSServerTransID": transaction,
                "threeDSMethodNotificationURL": text_at(token, "threeDSMethodNotificationURL"),
            }
            kind, fields = NextActionKind.FINGERPRINT, {"threeDSMethodData": _encoded(data)}
        case "challenge":
            url = text_at(token, "acsURL")
            request = {
                "threeDSServerTransID": transaction,
                "acsTransID": text_at(token, "acsTransID"),
                "messageVersion": text_at(token, "messageVersion"),
                "messageType": "CReq",
                "challengeWindowSize": _CHALLENGE_WINDOW,
            }
            kind, fields = NextActionKind.CHALLENGE, {"creq": _encoded(request)}
        case _:
            return None
    # A card without a 3DS method has no page to load; a challenge without one can't be shown.
    if not _is_address(url) and kind is NextActionKind.CHALLENGE:
        return None
    return NextAction(kind=kind, url=url if _is_address(url) else "", method="POST", fields=fields)


def _is_address(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _decoded(token: str) -> Mapping[str, Any]:
    if len(token) > _LONGEST_TOKEN:
        return {}
    try:
        value = msgspec.json.decode(urlsafe_b64decode(token.encode("ascii", "replace") + b"=" * (-len(token) % 4)))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _encoded(data: Mapping[str, str]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(data)).rstrip(b"=").decode("ascii")
