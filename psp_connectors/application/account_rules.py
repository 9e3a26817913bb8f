"""Which accounts may be set up: what the connector's shape asks for, and addresses that credentials may be sent to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from mesh.card_numbers import contains_card_number
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from psp_connectors.application.account_ports import Configuration
from psp_connectors.application.credentials import Credentials
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccountField, Connector

_VIOLATIONS_MAX: Final = 20


def connector_of(name: str, connectors: Mapping[str, Connector]) -> Connector:
    """Give a connector by name; refuses with UNKNOWN_CONNECTOR."""
    connector = connectors.get(name)
    if connector is None:
        raise Refusal(Reason.UNKNOWN_CONNECTOR, connector=name[:64])
    return connector


def check_account(
    connector: Connector, configuration: Configuration, credentials: Credentials | None, *, only_https: bool
) -> None:
    """Refuse with INVALID_FIELD, naming every field and rule, what the connector could not work with.

    Without `credentials` only the configuration is looked at. No rule repeats a value: it may be a credential in the
    wrong field. What is shown again may hold no card number: CARD_NUMBER_IN_TEXT.
    """
    shape = connector.shape
    _refuse_card_numbers({"base_url": configuration.base_url, **configuration.settings})
    found = list(_address_rules(configuration.base_url, only_https=only_https))
    found += _field_rules("settings", shape.settings, configuration.settings)
    if credentials is not None:
        if not _is_sendable(credentials.api_key.reveal()):
            found.append(Violation("api_key", "it must be printable ASCII without spaces at its ends"))
        secrets = {name: text.reveal() for name, text in credentials.secrets.items()}
        found += _field_rules("secrets", shape.secrets, secrets)
    known = connector.capabilities.brands
    unknown = [brand for brand in configuration.brands if brand not in known]
    if unknown:
        found.append(Violation("brands", f"the connector takes these: {', '.join(known)}"))
    fees = configuration.fee_schedule
    if fees is not None and not fees.schemes.keys() <= set(known):
        found.append(Violation("fee_schedule.scheme_fees", f"the connector takes these brands: {', '.join(known)}"))
    _refuse(found)


def check_host(known: str, wanted: str) -> None:
    """Refuse with INVALID_FIELD an address at another host than the one that the kept credentials are for."""
    old, new = urlsplit(known), urlsplit(wanted)
    if (old.scheme, old.hostname, old.port) != (new.scheme, new.hostname, new.port):
        rule = "another host needs credentials of its own: set them together with the address"
        _refuse([Violation("base_url", rule)])


def check_secret(secret: Secret) -> None:
    """Refuse with INVALID_FIELD a webhook secret that can only be a mistake of copying."""
    if not _is_sendable(secret.reveal()):
        _refuse([Violation("secret", "it must be printable ASCII without spaces at its ends")])


def _refuse(found: Sequence[Violation]) -> None:
    if found:
        first = found[0]
        raise Refusal(
            Reason.INVALID_FIELD,
            violations=found[:_VIOLATIONS_MAX],
            field=first.field,
            detail=f"`{first.field}`: {first.description}.",
        )


def _refuse_card_numbers(shown: Mapping[str, str]) -> None:
    for name, text in shown.items():
        if contains_card_number(name) or contains_card_number(text):
            raise Refusal(Reason.CARD_NUMBER_IN_TEXT, field="base_url" if name == "base_url" else "settings")


def _address_rules(base_url: str, *, only_https: bool) -> Iterable[Violation]:
    allowed = {"https"} if only_https else {"https", "http"}
    schemes = " or ".join(sorted(allowed))
    rule = f"it must be a plain {schemes} address without user, query and fragment"
    if not base_url:
        yield Violation("base_url", "the connector has no address of its own for this: give the account's")
        return
    try:
        url = urlsplit(base_url)
        port_is_fine = url.port is None or url.port > 0
    except ValueError:
        yield Violation("base_url", rule)
        return
    parts = url.query or url.fragment or url.username or url.password
    if url.scheme not in allowed or not url.hostname or parts or not port_is_fine or not _is_sendable(base_url):
        yield Violation("base_url", rule)


def _field_rules(kind: str, fields: tuple[AccountField, ...], given: Mapping[str, str]) -> Iterable[Violation]:
    known = {field.name: field for field in fields}
    for name in sorted(given.keys() - known.keys()):
        names = ", ".join(sorted(known)) or "none"
        # A name comes from the caller: only one that looks like a name is repeated.
        shown = name if re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) else "?"
        yield Violation(f"{kind}.{shown}", f"the connector does not know it; it knows {names}")
    for name, field in known.items():
        text = given.get(name, "")
        if not text:
            if field.required:
                yield Violation(f"{kind}.{name}", f"it is missing: {field.meaning}")
        elif field.pattern and re.fullmatch(field.pattern, text) is None:
            yield Violation(f"{kind}.{name}", f"it must match {field.pattern}: {field.meaning}")
        elif not text.strip() or text != text.strip() or "\0" in text:
            yield Violation(f"{kind}.{name}", f"it must have no spaces at its ends: {field.meaning}")


def _is_sendable(text: str) -> bool:
    """Tell whether a text can stand in an HTTP header."""
    return text.isascii() and text.isprintable() and text == text.strip()
