"""Properties of a connector for any key, amount, currency, reference, webhook and date: drawn, not chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from mesh.currencies import EXPONENT_OF
from mesh.money import LARGEST_AMOUNT, Money
from psp_connectors.domain.amounts import PspUnits
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account, Connector, Unsendable
from psp_connectors.domain.operations import Operation, Sync
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext, WebhookReading
from tests.contract.connector_suite import BOUNDED, JSON_VALUES
from tests.fakes.connectors.ports import account, authorization

CURRENCIES = st.sampled_from(sorted(EXPONENT_OF))
VALUES = st.integers(0, LARGEST_AMOUNT) | st.integers(0, 100_000).map(lambda value: value * 1000)
VISIBLE = st.characters(min_codepoint=33, max_codepoint=126)
NO_DATES = ("", "now", "2026", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "T")
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.integers(946_684_800, 4_102_444_800)


class PropertySuite:
    """Any key and any amount. Subclass it as `Test...`; `operations` names at least one of each action."""

    connector: Connector
    #: The headers that carry the idempotency key, in lower case; add that of a PSP with a name of its own.
    key_headers: frozenset[str] = frozenset({"idempotency-key", "cko-idempotency-key", "paypal-request-id"})

    def account(self) -> Account:
        return account(base_url="https://psp.example/base")

    def operations(self) -> Sequence[Operation]:
        raise NotImplementedError

    def actions(self) -> list[Any]:
        return [operation for operation in self.operations() if not isinstance(operation, Sync)]

    @BOUNDED
    @given(data=st.data())
    def test_any_key_goes_out_whole_or_not_at_all(self, data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(self.actions()))
        longest = self.connector.capabilities.idempotency_key_max_length
        if not longest:
            return  # the PSP takes no keys
        length = data.draw(st.sampled_from((0, 1, longest - 1, longest, longest + 1)) | st.integers(0, 2 * longest))
        key = data.draw(st.text(VISIBLE, min_size=length, max_size=length))
        try:
            request = self.connector.build(replace(operation, idempotency_key=key), self.account())
        except Unsendable:
            assert not 0 < len(key) <= longest, "a key that the capabilities allow is taken"
            return
        assert len(key) <= longest
        keys = [value for name, value in request.headers.items() if name.lower() in self.key_headers]
        assert not keys or keys == [key]

    @BOUNDED
    @given(data=st.data(), key=st.text(min_size=1, max_size=40))
    def test_no_key_breaks_out_of_its_header(self, data: st.DataObject, key: str) -> None:
        assume(not all("!" <= letter <= "~" for letter in key))
        operation = data.draw(st.sampled_from(self.actions()))
        try:
            request = self.connector.build(replace(operation, idempotency_key=key), self.account())
        except Unsendable:
            return
        for value in request.headers.values():
            assert value.isascii()
            assert value.isprintable()

    @BOUNDED
    @given(currency=CURRENCIES, value=VALUES, capture=st.booleans())
    def test_any_amount_builds_or_is_unsendable(self, *, currency: str, value: int, capture: bool) -> None:
        operation = authorization(value, currency, capture=capture)
        try:
            request = self.connector.build(operation, self.account())
        except Unsendable:
            return
        assert currency in request.body.decode().upper()


class UnitsSuite:
    """A PSP's own units, for a connector with a table of them."""

    units: PspUnits

    @BOUNDED
    @given(currency=CURRENCIES, value=VALUES)
    def test_amounts_are_exact_in_both_directions(self, currency: str, value: int) -> None:
        money = Money(value, currency)
        try:
            sent, text = self.units.to_integer(money), self.units.to_decimal(money)
        except Unsendable:
            shift = self.units.exponent(currency) - (EXPONENT_OF[currency] or 0)
            step = self.units.steps.get(currency, 1)
            assert value % 10 ** max(0, -shift) or value * 10 ** max(0, shift) // 10 ** max(0, -shift) % step
            return
        assert self.units.from_integer(sent, currency) == money
        assert self.units.from_decimal(text, currency) == money
        assert ("." in text) == (self.units.exponent(currency) > 0)


class DatesSuite:
    """A PSP's dates, where they are texts."""

    def seconds_of(self, text: str) -> int:
        """Read a date as the connector does: seconds since the epoch, 0 for what is no date."""
        raise NotImplementedError

    @BOUNDED
    @given(moment=MOMENTS, zone=OFFSETS, fraction=st.sampled_from(("", ".1", ".123", ".123456", ".1234567")))
    def test_a_date_is_the_same_moment_in_every_zone(self, moment: int, zone: timezone, fraction: str) -> None:
        here = datetime.fromtimestamp(moment, UTC).astimezone(zone)
        text = here.strftime("%Y-%m-%dT%H:%M:%S") + fraction + here.strftime("%z")[:3] + ":" + here.strftime("%z")[3:]
        assert self.seconds_of(text) == moment
        if zone.utcoffset(None) == timedelta(0):
            assert self.seconds_of(text[:-6] + "Z") == moment

    @BOUNDED
    @given(value=st.text(max_size=40) | st.datetimes().map(str) | st.sampled_from(NO_DATES))
    def test_what_is_no_date_is_no_moment(self, value: str) -> None:
        assert self.seconds_of(value) >= 0
        assert value not in NO_DATES or self.seconds_of(value) == 0


class WebhookSuite:
    """Subclass it as `Test...` and give a genuine webhook; nothing but its own signature makes one genuine."""

    connector: Connector
    #: The secret it was signed with; empty for a PSP that signs with a key of its own.
    secret: Secret = Secret("")
    #: When it was signed, in seconds since the epoch.
    now: int = 1_798_000_000

    def account(self) -> Account:
        return account(base_url="https://psp.example/base")

    def genuine(self) -> RawWebhook:
        """Give a webhook that was signed with `secret` at `now`."""
        raise NotImplementedError

    def evidence(self) -> Mapping[str, bytes]:
        """Give the certificates that reading it needs, by address."""
        return {}

    def read(self, raw: RawWebhook, *secrets: Secret) -> WebhookReading:
        assert self.connector.read_webhook is not None
        context = WebhookContext(secrets=secrets or (self.secret,), now=self.now, evidence=self.evidence())
        reading = self.connector.read_webhook(raw, self.account(), context)
        assert (reading.authenticity is Authenticity.GENUINE) or not reading.notifications
        return reading

    def is_genuine(self, raw: RawWebhook, *secrets: Secret) -> bool:
        return self.read(raw, *secrets).authenticity is Authenticity.GENUINE

    def test_the_genuine_one_is_genuine_and_reads_the_same_twice(self) -> None:
        assert self.is_genuine(self.genuine())
        assert self.read(self.genuine()) == self.read(self.genuine())

    @BOUNDED
    @given(
        headers=st.dictionaries(st.text(VISIBLE, min_size=1, max_size=30), st.text(max_size=80), max_size=5),
        body=st.binary(max_size=300) | JSON_VALUES.map(lambda value: repr(value).encode()),
    )
    def test_no_invented_webhook_is_genuine(self, headers: Mapping[str, str], body: bytes) -> None:
        assert not self.is_genuine(RawWebhook(headers=headers, body=body))

    @BOUNDED
    @given(data=st.data(), new=st.text(max_size=120))
    def test_no_invented_signature_is_genuine(self, data: st.DataObject, new: str) -> None:
        raw = self.genuine()
        assume(raw.headers)
        name = data.draw(st.sampled_from(sorted(raw.headers)))
        reading = self.read(replace(raw, headers={**raw.headers, name: new}))
        assert reading.refused >= 0
        if name in self.signing_headers() and new.strip() != raw.headers[name].strip():
            assert reading.authenticity is not Authenticity.GENUINE

    def signing_headers(self) -> frozenset[str]:
        """Give the headers on whose exact value the signature rests, in lower case."""
        return frozenset()

    def test_without_its_headers_it_is_not_genuine(self) -> None:
        raw = self.genuine()
        for name in self.signing_headers():
            rest = {key: value for key, value in raw.headers.items() if key != name}
            assert not self.is_genuine(replace(raw, headers=rest))


class WholeBodyWebhookSuite(WebhookSuite):
    """Webhooks whose signature covers every byte of the body; other PSPs' own tests change what is signed."""

    def test_no_changed_byte_of_what_is_signed_is_genuine(self) -> None:
        raw = self.genuine()
        for place in range(len(raw.body)):
            spoiled = raw.body[:place] + bytes([raw.body[place] ^ 1]) + raw.body[place + 1 :]
            assert not self.is_genuine(replace(raw, body=spoiled)), place
        for other in (raw.body + b" ", b" " + raw.body, raw.body[:-1], b"", raw.body * 2):
            assert not self.is_genuine(replace(raw, body=other))

    @BOUNDED
    @given(body=st.binary(max_size=200))
    def test_the_signature_of_one_body_is_none_of_another(self, body: bytes) -> None:
        raw = self.genuine()
        assume(body != raw.body)
        assert not self.is_genuine(replace(raw, body=body))


class SharedSecretWebhookSuite(WebhookSuite):
    """Webhooks that are signed with a secret of ours, of which several are in force while one replaces another."""

    def test_every_secret_in_force_is_tried(self) -> None:
        other = Secret("4D" * 32)
        assert self.is_genuine(self.genuine(), other, self.secret)
        assert self.is_genuine(self.genuine(), self.secret, other)
        assert not self.is_genuine(self.genuine(), other)
        assert not self.is_genuine(self.genuine(), Secret(""))
