"""Accounts: the rules they are set up by, their seal, and how every process comes to know them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.account_ports import Configuration, NewAccount, NewCredentials, SealBroken, Sealed
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.credentials import Credentials, open_credentials, seal_credentials
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccountLimits
from tests.fakes.connectors.account_store import FakeAccountStore
from tests.fakes.connectors.inbox import (
    API_KEY,
    CLIENT_SECRET,
    OPERATOR,
    WEBHOOK_SECRET,
    FakeRegistryObserver,
    Inbox,
    a_configuration,
    a_seal,
    an_order,
    credentials,
)
from tests.fakes.connectors.ports import account
from tests.fakes.connectors.signing_psp import CONNECTORS

PLANTED = (API_KEY, CLIENT_SECRET, WEBHOOK_SECRET)
CARD = "4000056655665556"


def spied(monkeypatch: pytest.MonkeyPatch, method: str) -> list[tuple[Any, ...]]:
    """Write down what a method of the store is asked for, instead of doing it."""
    asked: list[tuple[Any, ...]] = []

    async def ask(*arguments: Any) -> None:
        asked.append(arguments)

    monkeypatch.setattr(FakeAccountStore, method, ask)
    return asked


def broken_fields(refusal: Refusal) -> list[str]:
    assert refusal.reason is Reason.INVALID_FIELD
    return [violation.field for violation in refusal.violations]


async def test_an_account_is_there_at_once_with_all_that_its_connector_needs() -> None:
    inbox = Inbox()
    await inbox.open()
    made = inbox.registry.get("acme")
    assert made is not None
    assert (made.connector, made.base_url, made.merchant_id) == ("signing", "https://psp.example", "mer_1")
    assert made.api_key.reveal() == API_KEY
    assert {name: secret.reveal() for name, secret in made.secrets.items()} == {"client_secret": CLIENT_SECRET}
    assert made.settings == {"merchant_account": "Acme"}
    assert [secret.reveal() for secret in inbox.registry.webhook_secrets("acme")] == [WEBHOOK_SECRET]


async def test_nothing_that_is_kept_or_shown_holds_a_credential() -> None:
    inbox = Inbox()
    await inbox.open()
    kept = repr(inbox.accounts) + repr(await inbox.manage.get("acme")) + repr(inbox.registry.values())
    raw = b"".join(sealed.data for sealed in inbox.accounts.credentials.values())
    raw += b"".join(secret.sealed.data for secret in inbox.accounts.secrets)
    for planted in PLANTED:
        assert planted not in kept
        assert planted.encode() not in raw
    assert (await inbox.manage.get("acme")).credential_names == ("api_key", "client_secret")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"settings": {}}, ["settings.merchant_account"]),
        ({"settings": {"merchant_account": " Acme"}}, ["settings.merchant_account"]),
        ({"settings": {"merchant_account": "Acme", "other": "x"}}, ["settings.other"]),
        ({"settings": {"merchant_account": "Acme", API_KEY.upper(): "x"}}, ["settings.?"]),
        ({"settings": {"merchant_account": "Acme", "channel": "wrong"}}, ["settings.channel"]),
        ({"base_url": "ftp://psp.example"}, ["base_url"]),
        ({"base_url": "https://user:pass@psp.example"}, ["base_url"]),
        ({"base_url": "https://psp.example?key=1"}, ["base_url"]),
        ({"base_url": "https://psp.example:abc"}, ["base_url"]),
        ({"base_url": "https://[::1"}, ["base_url"]),
        ({"base_url": "https://psp.example/ä"}, ["base_url"]),
        ({"brands": ("visa", "nonsense")}, ["brands"]),
        ({"secrets": {}}, ["secrets.client_secret"]),
        ({"secrets": {"client_secret": "x", "more": API_KEY}}, ["secrets.more"]),
        ({"api_key": "with\nbreak"}, ["api_key"]),
        ({"settings": {}, "secrets": {}}, ["settings.merchant_account", "secrets.client_secret"]),
    ],
)
async def test_what_the_connector_can_not_work_with_is_refused_by_name(changes: Any, fields: list[str]) -> None:
    changes = dict(changes)
    given = Credentials(
        Secret(changes.pop("api_key", API_KEY)),
        {name: Secret(text) for name, text in changes.pop("secrets", {"client_secret": CLIENT_SECRET}).items()},
    )
    order = replace(an_order(), configuration=replace(a_configuration(), **changes), credentials=given)
    inbox = Inbox()
    with pytest.raises(Refusal) as caught:
        await inbox.manage.create(order, OPERATOR)
    assert broken_fields(caught.value) == fields
    said = str(caught.value) + repr(caught.value.violations)
    assert not any(planted in said for planted in (*PLANTED, API_KEY.upper(), "pass@"))
    assert inbox.accounts.records == {}


async def test_a_rule_says_what_the_field_is() -> None:
    with pytest.raises(Refusal) as caught:
        await Inbox().manage.create(replace(an_order(), configuration=Configuration(base_url="https://psp")), OPERATOR)
    assert "name of the merchant account" in caught.value.metadata["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"settings": {"merchant_account": "4242 4242 4242 4242"}}, "settings"),
        ({"settings": {"merchant_account": "Acme", "x4242424242424242": "x"}}, "settings"),
        ({"base_url": "https://psp.example/4242424242424242"}, "base_url"),
    ],
)
async def test_what_is_shown_again_may_hold_no_card_number(changes: Any, field: str) -> None:
    order = replace(an_order(), configuration=replace(a_configuration(), **changes))
    with pytest.raises(Refusal) as caught:
        await Inbox().manage.create(order, OPERATOR)
    assert (caught.value.reason, caught.value.metadata) == (Reason.CARD_NUMBER_IN_TEXT, {"field": field})


async def test_an_unknown_connector_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        await Inbox().manage.create(replace(an_order(), connector="strype"), OPERATOR)
    assert (caught.value.reason, caught.value.metadata) == (Reason.UNKNOWN_CONNECTOR, {"connector": "strype"})


async def test_production_sends_credentials_over_tls_only() -> None:
    plain = replace(an_order(), configuration=replace(a_configuration(), base_url="http://psp.example"))
    await Inbox().manage.create(plain, OPERATOR)
    with pytest.raises(Refusal) as caught:
        await Inbox(only_https=True).manage.create(plain, OPERATOR)
    assert broken_fields(caught.value) == ["base_url"]


async def test_without_an_address_it_is_the_psps_own_for_live_payments() -> None:
    inbox = Inbox()
    record = await inbox.manage.create(
        replace(an_order(), configuration=replace(a_configuration(), base_url="")), OPERATOR
    )
    assert record.configuration.base_url == "https://live.psp.example"


async def test_a_change_of_configuration_keeps_the_credentials() -> None:
    inbox = Inbox()
    await inbox.open()
    limits = AccountLimits(concurrent_calls=3, calls_per_second=2)
    await inbox.manage.configure("acme", replace(a_configuration(), limits=limits, brands=("visa",)), OPERATOR)
    made = inbox.registry.get("acme")
    assert made is not None
    assert (made.limits, made.brands, made.api_key.reveal()) == (limits, ("visa",), API_KEY)


@pytest.mark.parametrize(
    "base_url",
    ["https://evil.example", "https://psp.example:8443", "http://psp.example", "https://psp.example.evil.example"],
)
async def test_kept_credentials_are_never_sent_to_another_host(base_url: str) -> None:
    inbox = Inbox()
    await inbox.open()
    with pytest.raises(Refusal) as caught:
        await inbox.manage.configure("acme", replace(a_configuration(), base_url=base_url), OPERATOR)
    assert broken_fields(caught.value) == ["base_url"]
    longer = replace(a_configuration(), base_url="https://psp.example/v2")
    moved = await inbox.manage.configure("acme", longer, OPERATOR)
    assert moved.configuration.base_url == "https://psp.example/v2"
    new = Credentials(Secret("new_key"), {"client_secret": Secret("new_secret")})
    record = await inbox.manage.set_credentials("acme", new, OPERATOR, base_url=base_url)
    assert record.configuration.base_url == base_url
    made = inbox.registry.get("acme")
    assert made is not None
    assert (made.base_url, made.api_key.reveal()) == (base_url, "new_key")


async def test_a_webhook_secret_with_a_mistake_of_copying_is_refused() -> None:
    inbox = Inbox()
    await inbox.open()
    for text in (" planted", "planted\n", "pl\u00e4nted"):
        with pytest.raises(Refusal) as caught:
            await inbox.manage.create_webhook_secret("acme", Secret(text), 60, OPERATOR)
        assert broken_fields(caught.value) == ["secret"]
        assert "planted" not in str(caught.value)


async def test_new_credentials_replace_the_old_ones_wholly() -> None:
    inbox = Inbox()
    await inbox.open()
    new = Credentials(Secret("new_key"), {"client_secret": Secret("new_secret")})
    record = await inbox.manage.set_credentials("acme", new, OPERATOR)
    assert record.credentials_version == 2
    made = inbox.registry.get("acme")
    assert made is not None
    assert (made.api_key.reveal(), made.secrets["client_secret"].reveal()) == ("new_key", "new_secret")
    with pytest.raises(Refusal) as caught:
        await inbox.manage.set_credentials("acme", Credentials(Secret("new_key")), OPERATOR)
    assert broken_fields(caught.value) == ["secrets.client_secret"]


async def test_somebody_faster_is_not_overwritten_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    await inbox.open()
    get = inbox.accounts.get
    raced = False

    async def slow(name: str) -> Any:
        nonlocal raced
        record = await get(name)
        if not raced:
            raced = True
            faster = seal_credentials(inbox.seal, "acme", 2, Credentials(Secret("faster"), credentials().secrets))
            new = NewCredentials(
                version=2, sealed=faster, names=("api_key", "client_secret"), base_url="https://psp.example"
            )
            await inbox.accounts.set_credentials("acme", new, OPERATOR)
        return record

    monkeypatch.setattr(type(inbox.accounts), "get", lambda _self, name: slow(name))
    record = await inbox.manage.set_credentials("acme", credentials(), OPERATOR)
    assert record.credentials_version == 3


async def test_accounts_of_the_file_are_read_and_never_changed() -> None:
    inbox = Inbox({"sandbox_a": account()})
    await inbox.open()
    assert (await inbox.manage.get("sandbox_a")).created_at is None
    with pytest.raises(Refusal) as caught:
        await inbox.manage.create(an_order("sandbox_a"), OPERATOR)
    assert caught.value.reason is Reason.PSP_ACCOUNT_EXISTS
    for change in (
        inbox.manage.set_disabled("sandbox_a", disabled=True, changed_by=OPERATOR),
        inbox.manage.configure("sandbox_a", a_configuration(), OPERATOR),
        inbox.manage.set_credentials("sandbox_a", credentials(), OPERATOR),
        inbox.manage.create_webhook_secret("sandbox_a", Secret("x"), 1, OPERATOR),
        inbox.manage.retire_webhook_secret("sandbox_a", "whs_1", OPERATOR),
    ):
        with pytest.raises(Refusal) as caught:
            await change
        assert (caught.value.reason, caught.value.metadata) == (Reason.PSP_ACCOUNT_READ_ONLY, {"account": "sandbox_a"})


async def test_an_account_that_is_not_there_is_not_found() -> None:
    manage = Inbox().manage
    for call in (
        manage.get("nobody"),
        manage.set_disabled("nobody", disabled=True, changed_by=OPERATOR),
        manage.configure("nobody", a_configuration(), OPERATOR),
        manage.set_credentials("nobody", credentials(), OPERATOR),
        manage.create_webhook_secret("nobody", Secret("x"), 1, OPERATOR),
        manage.webhook_secrets("nobody"),
        manage.retire_webhook_secret("nobody", "whs_1", OPERATOR),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        assert (caught.value.reason, caught.value.metadata) == (Reason.PSP_ACCOUNT_NOT_FOUND, {"account": "nobody"})


@pytest.mark.parametrize("wrong", [CARD, f"whs_{CARD}", "4000-0566-5566-5556", "whs_1", ""])
async def test_what_is_no_id_of_a_secret_is_refused_before_the_database_could_log_it(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox()
    await inbox.open()
    asked = spied(monkeypatch, "retire_webhook_secret")
    with pytest.raises(Refusal) as caught:
        await inbox.manage.retire_webhook_secret("acme", wrong, OPERATOR)
    assert caught.value.reason is Reason.WEBHOOK_SECRET_NOT_FOUND
    assert asked == []
    assert CARD not in repr(caught.value.metadata)
    assert "4000-0566" not in repr(caught.value.metadata)


async def test_a_card_number_is_no_name_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    asked = spied(monkeypatch, "create")
    with pytest.raises(Refusal) as caught:
        await inbox.manage.create(an_order(f"a{CARD}"), OPERATOR)
    assert (caught.value.reason, caught.value.metadata) == (Reason.CARD_NUMBER_IN_TEXT, {"field": "account"})
    assert asked == []


async def test_pages_hold_accounts_of_file_and_database_by_name_each_once() -> None:
    fixed = {name: account(name) for name in ("b", "d", "zz")}
    inbox = Inbox(fixed)
    for name in ("a", "c", "e"):
        await inbox.manage.create(an_order(name), OPERATOR)
    # One that the file hides, created while the file did not have it.
    await inbox.accounts.create(replace_name(await stored(inbox, "a"), "d"), OPERATOR)
    names: list[str] = []
    token = ""
    for _ in range(10):
        page, token = await inbox.manage.list(2, token)
        names += [record.name for record in page]
        if not token:
            break
    assert names == ["a", "b", "c", "d", "e", "zz"]
    with pytest.raises(Refusal) as caught:
        await inbox.manage.list(2, "AAAA")
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


async def test_other_processes_see_a_change_when_they_look_and_load_only_then() -> None:
    inbox = Inbox()
    await inbox.open()
    observer = FakeRegistryObserver()
    other = AccountRegistry(
        connectors=CONNECTORS, observer=observer, now=lambda: inbox.time, store=inbox.accounts, seal=inbox.seal
    )
    assert other.get("acme") is None
    assert await other.refresh()
    loads = inbox.accounts.loads
    assert not await other.refresh()
    assert inbox.accounts.loads == loads, "nothing is read when nothing changed"
    await inbox.manage.set_disabled("acme", disabled=True, changed_by=OPERATOR)
    assert await other.refresh()
    seen = other.get("acme")
    assert seen is not None
    assert seen.disabled


async def test_while_the_database_is_away_the_known_accounts_serve_on() -> None:
    inbox = Inbox()
    await inbox.open()
    inbox.accounts.down = True
    with pytest.raises(Refusal):
        await inbox.registry.refresh()
    assert inbox.registry.get("acme") is not None
    assert inbox.registry.webhook_secrets("acme")


async def test_a_broken_seal_keeps_the_last_good_account_and_harms_no_other() -> None:
    inbox = Inbox()
    await inbox.open()
    await inbox.manage.create(an_order("other"), OPERATOR)
    inbox.accounts.credentials["acme"] = Sealed("k1", b"\x01" * 60)
    await inbox.manage.set_disabled("acme", disabled=True, changed_by=OPERATOR)
    await inbox.manage.set_disabled("other", disabled=True, changed_by=OPERATOR)
    known, other = inbox.registry.get("acme"), inbox.registry.get("other")
    assert known is not None
    assert known.api_key.reveal() == API_KEY
    assert known.disabled, "what can be read is followed: a disabled account takes nothing new"
    assert other is not None
    assert other.disabled
    assert {name for name, _ in inbox.registry_observer.troubles} == {"acme"}
    assert not any(planted in why for _, why in inbox.registry_observer.troubles for planted in PLANTED)
    fresh = AccountRegistry(
        connectors=CONNECTORS,
        observer=FakeRegistryObserver(),
        now=lambda: inbox.time,
        store=inbox.accounts,
        seal=inbox.seal,
    )
    await fresh.refresh()
    assert [each.name for each in fresh.values()] == ["other"]


async def test_credentials_of_another_account_or_version_do_not_open() -> None:
    seal = a_seal()
    sealed = seal_credentials(seal, "acme", 1, credentials())
    assert open_credentials(seal, "acme", 1, sealed) == credentials()
    for name, version in (("acme2", 1), ("acme", 2), ("acm", 1)):
        with pytest.raises(SealBroken) as caught:
            open_credentials(seal, name, version, sealed)
        assert API_KEY not in str(caught.value)


def test_a_seal_survives_the_rotation_of_its_key_and_no_other_change() -> None:
    sealed = a_seal("k1").seal(b"text", "place")
    rotated = a_seal("k2", "k1")
    assert rotated.open(sealed, "place") == b"text"
    assert rotated.seal(b"text", "place").key_id == "k2"
    with pytest.raises(SealBroken, match="does not have"):
        a_seal("k2").open(sealed, "place")
    with pytest.raises(SealBroken):
        rotated.open(Sealed("k2", sealed.data), "place")
    for position in range(len(sealed.data)):
        changed = bytearray(sealed.data)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            rotated.open(Sealed("k1", bytes(changed)), "place")
    with pytest.raises(SealBroken):
        rotated.open(Sealed("k1", sealed.data[:20]), "place")
    assert a_seal().seal(b"text", "place").data != a_seal().seal(b"text", "place").data


async def test_a_webhook_secret_in_force_is_one_that_has_not_ended() -> None:
    inbox = Inbox()
    await inbox.open()
    await inbox.manage.create_webhook_secret("acme", Secret("new"), 60, OPERATOR)
    now = inbox.time
    assert len(inbox.registry.webhook_secrets("acme")) == 2
    assert len(inbox.registry.webhook_secrets("acme", now + timedelta(seconds=120))) == 1
    assert inbox.registry.webhook_secrets("nobody") == ()


async def stored(inbox: Inbox, name: str) -> Any:
    record = inbox.accounts.records[name]
    return record, inbox.accounts.credentials[name]


def replace_name(kept: Any, name: str) -> Any:
    record, sealed = kept
    return NewAccount(
        name=name,
        merchant_id=record.merchant_id,
        connector=record.connector,
        configuration=record.configuration,
        credentials=sealed,
        credential_names=record.credential_names,
    )
