"""What every store of PSP accounts does."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.adapters.postgres.account_store import PostgresAccountStore
from psp_connectors.application.account_ports import (
    AccountStore,
    Configuration,
    NewAccount,
    NewCredentials,
    Sealed,
    SealedAccount,
)
from psp_connectors.domain.connector import AccountLimits
from psp_connectors.domain.fees import FeeSchedule
from tests.fakes.connectors.account_store import FakeAccountStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

CONFIGURATION = Configuration(
    base_url="https://psp.example/v1",
    settings={"merchant_account": "Acme", "": "empty names are text too"},
    limits=AccountLimits(concurrent_calls=7, calls_per_second=3),
    brands=("amex", "visa"),
    fee_schedule=FeeSchedule(
        basis_points=140,
        fixed={"EUR": 25, "JPY": 30},
        schemes={"amex": 170, "visa": 12},
        cross_border_basis_points=150,
        country="DE",
    ),
)
OPERATOR = "key_1"


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[AccountStore]:
    if request.param == "fake":
        yield FakeAccountStore()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["psp_connectors"], pool_size=4, name="test")
    await database.open()
    yield PostgresAccountStore(database)
    await database.close()


def sealed() -> Sealed:
    return Sealed("k1", secrets.token_bytes(60))


def new_credentials(version: int) -> NewCredentials:
    return NewCredentials(version=version, sealed=sealed(), names=("api_key",), base_url="https://new.example")


def new_account(name: str | None = None, *, merchant_id: str = "mer_1") -> NewAccount:
    return NewAccount(
        name=name or f"a{secrets.token_hex(8)}",
        merchant_id=merchant_id,
        connector="stripe",
        configuration=CONFIGURATION,
        credentials=sealed(),
        credential_names=("api_key", "client_secret"),
    )


async def test_an_account_is_given_back_as_it_was_created(store: AccountStore) -> None:
    account = new_account()
    record = await store.create(account, OPERATOR)
    assert (record.name, record.merchant_id, record.connector) == (account.name, "mer_1", "stripe")
    assert record.configuration == CONFIGURATION
    assert (record.credential_names, record.credentials_version) == (("api_key", "client_secret"), 1)
    assert record.created_at is not None
    assert record.created_at.utcoffset() == timedelta(0)
    assert (record.created_at, record.disabled_at) == (record.updated_at, None)
    assert await store.get(account.name) == record


async def test_an_account_of_every_merchant_has_no_merchant(store: AccountStore) -> None:
    assert (await store.create(new_account(merchant_id=""), OPERATOR)).merchant_id == ""


async def test_a_name_is_given_once_also_to_two_at_once(store: AccountStore) -> None:
    account = new_account()
    results = await asyncio.gather(*(store.create(account, OPERATOR) for _ in range(4)), return_exceptions=True)
    refusals = [result for result in results if isinstance(result, Refusal)]
    assert [refusal.reason for refusal in refusals] == [Reason.PSP_ACCOUNT_EXISTS] * 3
    assert refusals[0].metadata == {"account": account.name}


async def test_nothing_is_done_to_an_account_that_is_not_there(store: AccountStore) -> None:
    assert await store.get("nobody") is None
    assert await store.configure("nobody", 1, CONFIGURATION, OPERATOR) is None
    assert await store.set_credentials("nobody", new_credentials(2), OPERATOR) is None
    assert await store.set_disabled("nobody", disabled=True, changed_by=OPERATOR) is None
    assert await store.create_webhook_secret("nobody", new_id("whs"), sealed(), 1, OPERATOR) is None
    assert await store.list_webhook_secrets("nobody") is None
    assert await store.retire_webhook_secret("nobody", new_id("whs"), OPERATOR) is None


async def test_a_configuration_is_replaced_as_a_whole(store: AccountStore) -> None:
    account = new_account()
    first = await store.create(account, OPERATOR)
    plain = Configuration(base_url="https://other.example")
    record = await store.configure(account.name, 1, plain, OPERATOR)
    assert record is not None
    assert record.configuration == plain
    assert record.credential_names == first.credential_names
    assert record.version > first.version


async def test_credentials_are_replaced_by_the_next_version_only(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    assert await store.set_credentials(account.name, new_credentials(1), OPERATOR) is None
    assert await store.set_credentials(account.name, new_credentials(3), OPERATOR) is None
    new = new_credentials(2)
    record = await store.set_credentials(account.name, new, OPERATOR)
    assert record is not None
    assert (record.credential_names, record.credentials_version) == (("api_key",), 2)
    assert record.configuration == replace(CONFIGURATION, base_url="https://new.example")
    assert (await loaded(store, account.name)).credentials == new.sealed


async def test_a_configuration_made_for_other_credentials_changes_nothing(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    await store.set_credentials(account.name, new_credentials(2), OPERATOR)
    assert await store.configure(account.name, 1, CONFIGURATION, OPERATOR) is None
    record = await store.get(account.name)
    assert record is not None
    assert record.configuration.base_url == "https://new.example"


async def test_disabling_has_a_time_and_repeating_it_changes_nothing(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    disabled = await store.set_disabled(account.name, disabled=True, changed_by=OPERATOR)
    assert disabled is not None
    assert disabled.disabled_at is not None
    assert await store.set_disabled(account.name, disabled=True, changed_by=OPERATOR) == disabled
    enabled = await store.set_disabled(account.name, disabled=False, changed_by=OPERATOR)
    assert enabled is not None
    assert enabled.disabled_at is None
    assert enabled.version > disabled.version


async def test_accounts_are_listed_by_name_after_another(store: AccountStore) -> None:
    prefix = f"z{secrets.token_hex(6)}"
    names = [f"{prefix}_{letter}" for letter in "cab"]
    for name in names:
        await store.create(new_account(name), OPERATOR)
    listed = [record.name for record in await store.list(2, prefix)]
    assert listed == sorted(names)[:2]
    assert next(record.name for record in await store.list(100, listed[-1])) == sorted(names)[2]


async def test_every_change_has_a_number_of_its_own(store: AccountStore) -> None:
    account = new_account()
    seen = [await store.version()]
    await store.create(account, OPERATOR)
    seen.append(await store.version())
    await store.configure(account.name, 1, CONFIGURATION, OPERATOR)
    seen.append(await store.version())
    await store.set_disabled(account.name, disabled=True, changed_by=OPERATOR)
    seen.append(await store.version())
    secret_id = new_id("whs")
    await store.create_webhook_secret(account.name, secret_id, sealed(), 10, OPERATOR)
    seen.append(await store.version())
    await store.retire_webhook_secret(account.name, secret_id, OPERATOR)
    seen.append(await store.version())
    assert seen == sorted(set(seen))
    snapshot = await store.load()
    assert snapshot.version == seen[-1]
    assert (await loaded(store, account.name)).record == await store.get(account.name)


async def test_a_new_webhook_secret_leaves_the_old_ones_an_overlap(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    assert await store.list_webhook_secrets(account.name) == []
    first, second = new_id("whs"), new_id("whs")
    text = sealed()
    await store.create_webhook_secret(account.name, first, text, 60, OPERATOR)
    made = await store.create_webhook_secret(account.name, second, sealed(), 60, OPERATOR)
    assert made is not None
    assert (made.id, made.expires_at) == (second, None)
    records = await store.list_webhook_secrets(account.name)
    assert records is not None
    assert [record.id for record in records] == [second, first]
    assert records[1].expires_at is not None
    assert made.created_at < records[1].expires_at <= made.created_at + timedelta(seconds=61)
    kept = (await loaded(store, account.name)).webhook_secrets
    assert [secret.record.id for secret in kept] == [second, first]
    assert kept[1].sealed == text


async def test_an_overlap_never_lengthens_the_life_of_an_older_secret(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    ids = [new_id("whs") for _ in range(3)]
    for secret_id, overlap_seconds in zip(ids, (0, 60, 86_400), strict=True):
        await store.create_webhook_secret(account.name, secret_id, sealed(), overlap_seconds, OPERATOR)
    records = await store.list_webhook_secrets(account.name)
    assert records is not None
    ends = {record.id: record.expires_at for record in records}
    first, second = ends[ids[0]], ends[ids[1]]
    assert first is not None
    assert second is not None
    assert second - first > timedelta(hours=23), "the longer overlap is for the secret it was given with"


async def test_a_secret_without_overlap_ends_the_others_at_once(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    await store.create_webhook_secret(account.name, new_id("whs"), sealed(), 0, OPERATOR)
    last = new_id("whs")
    await store.create_webhook_secret(account.name, last, sealed(), 0, OPERATOR)
    records = await store.list_webhook_secrets(account.name)
    assert records is not None
    assert [record.id for record in records] == [last]
    assert [secret.record.id for secret in (await loaded(store, account.name)).webhook_secrets] == [last]


async def test_a_retired_secret_is_gone_and_can_not_be_retired_again(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    secret_id = new_id("whs")
    await store.create_webhook_secret(account.name, secret_id, sealed(), 60, OPERATOR)
    retired = await store.retire_webhook_secret(account.name, secret_id, OPERATOR)
    assert retired is not None
    assert retired.expires_at is not None
    assert await store.list_webhook_secrets(account.name) == []
    with pytest.raises(Refusal) as caught:
        await store.retire_webhook_secret(account.name, secret_id, OPERATOR)
    assert caught.value.reason is Reason.WEBHOOK_SECRET_NOT_FOUND
    assert caught.value.metadata == {"account": account.name, "secret_id": secret_id}


async def test_an_account_has_ten_secrets_in_force_at_most(store: AccountStore) -> None:
    account = new_account()
    await store.create(account, OPERATOR)
    for _ in range(10):
        await store.create_webhook_secret(account.name, new_id("whs"), sealed(), 600, OPERATOR)
    with pytest.raises(Refusal) as caught:
        await store.create_webhook_secret(account.name, new_id("whs"), sealed(), 600, OPERATOR)
    assert caught.value.reason is Reason.WEBHOOK_SECRET_LIMIT
    assert caught.value.metadata == {"account": account.name, "limit": "10"}


async def loaded(store: AccountStore, name: str) -> SealedAccount:
    return next(account for account in (await store.load()).accounts if account.record.name == name)


@pytest.mark.integration
async def test_every_change_is_written_down_for_ever(postgres: PostgresServer) -> None:  # noqa: F811
    database = Database(postgres.role_urls["psp_connectors"], pool_size=1, name="test")
    store = PostgresAccountStore(database)
    account, secret_id = new_account(), new_id("whs")
    await store.create(account, "key_of_ada")
    await store.configure(account.name, 1, CONFIGURATION, OPERATOR)
    await store.configure(account.name, 9, CONFIGURATION, OPERATOR)
    await store.set_credentials(account.name, new_credentials(2), OPERATOR)
    for disabled in (True, True, False):
        await store.set_disabled(account.name, disabled=disabled, changed_by=OPERATOR)
    await store.create_webhook_secret(account.name, secret_id, sealed(), 1, OPERATOR)
    await store.retire_webhook_secret(account.name, secret_id, "key_of_bob")
    await database.close()
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        statement = "SELECT action, changed_by FROM connectors.account_audit WHERE account = %s ORDER BY audit_id"
        rows = connection.execute(statement, (account.name,)).fetchall()
        assert rows == [
            ("created", "key_of_ada"),
            ("configured", OPERATOR),
            ("credentials_set", OPERATOR),
            ("disabled", OPERATOR),
            ("enabled", OPERATOR),
            ("webhook_secret_added", OPERATOR),
            ("webhook_secret_retired", "key_of_bob"),
        ]
        moved = "SELECT action, detail FROM connectors.account_audit WHERE account = %s AND detail <> ''"
        assert connection.execute(moved, (account.name,)).fetchall() == [
            ("credentials_set", f"{CONFIGURATION.base_url} -> https://new.example")
        ]
        for change in ("UPDATE connectors.account_audit SET changed_by = ''", "DELETE FROM connectors.account_audit"):
            with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
                connection.execute(change.encode())


@pytest.mark.integration
async def test_fees_from_before_there_were_more_parts_are_read(postgres: PostgresServer) -> None:  # noqa: F811
    database = Database(postgres.role_urls["psp_connectors"], pool_size=1, name="test")
    await database.open()
    store, account = PostgresAccountStore(database), new_account()
    await store.create(account, OPERATOR)
    old = """UPDATE connectors.psp_account SET fee_schedule = '{"basis_points": 90, "fixed": {}}' WHERE name = %s"""
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(old, (account.name,))
    found = await store.get(account.name)
    await database.close()
    assert found is not None
    assert found.configuration.fee_schedule == FeeSchedule(basis_points=90)
