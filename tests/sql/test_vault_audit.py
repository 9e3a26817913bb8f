"""The audit's procedures on the real PostgreSQL: hashed as in Python, gapless under load, append-only."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from devstack.audit.database import AuditDatabase
from devstack.audit.verification import verify
from mesh.database import Database
from tests.support.audit_database import (
    AuditedVault,
    audit_server,
    audited,
    shared,
    use_fingerprint_key,
    use_vault,
)
from vault_svc.adapters.postgres.audit_heads import PostgresAuditHeads
from vault_svc.domain.audit import CHAINS, AuditRecord, first_head, hash_of

__all__ = ["audit_server", "audited", "shared"]

TASKS = 64
#: What a text may be at most; longer ones are cut.
BOUNDS = {"actor": 128, "request_id": 128, "merchant_id": 64, "token_id": 64, "payment_id": 64, "detail": 1000}
#: Signs of one to four bytes, composed and decomposed, from right to left, and those that join or end nothing.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=1200)
words = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=40)
APPEND = "SELECT vault.append_audit(%s, %s, %s, %s, %s, %s, %s, %s)"
PLAIN = ("detokenize", "taken", "psp_connectors", "req_1", "mer_1", "tok_1", "pay_1", "authorization")
PLACES = {"actor": 2, "request_id": 3, "merchant_id": 4, "token_id": 5, "payment_id": 6, "detail": 7}

Administrator = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def administrator(shared: AuditedVault) -> Iterator[Administrator]:
    with psycopg.connect(shared.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def audit(shared: AuditedVault) -> Iterator[AuditDatabase]:
    with shared.audit() as audit:
        yield audit


def appended(administrator: Administrator, audit: AuditDatabase, fields: Sequence[object]) -> AuditRecord:
    """Append a record, and prove that its hash is what Python makes of it and the hash before."""
    before = audit.heads()
    administrator.execute(APPEND, fields)
    ((head, now),) = ((head, now) for head, now in zip(before, audit.heads(), strict=True) if head != now)
    (record,) = audit.records(head.chain, head.sequence, 10)
    assert record.hash == now.hash == hash_of(head.hash, record)
    return record


def intact(audited: AuditedVault) -> int:
    """Verify everything but published heads; give the number of records."""
    with audited.audit() as audit:
        outcome = verify(audit, (), lambda _done, _total: None)
    assert outcome.findings == []
    assert outcome.unverified == []
    return outcome.records


def test_chains_begin_as_in_python(audited: AuditedVault) -> None:
    assert audited.heads() == tuple(first_head(chain) for chain in range(CHAINS))


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(("a", "b", "", "", "", "", "", ""), id="empty"),
        pytest.param(
            ("a", "b", "Łódź", "запит", "商家", "🂡🃏", "e\u0301", "\u202eright to left\u202c"), id="non-ascii"
        ),
        pytest.param(("a", "b", *["🂡" * BOUNDS[name] for name in PLACES]), id="as long as may be"),
        pytest.param(("a", "b", *["ż" * (BOUNDS[name] + 7) for name in PLACES]), id="too long"),
        pytest.param(("a", "b", "\n\t\r", "'; --", "\\x00", "\u0001", " ", "\ufeff\U0010ffff"), id="odd"),
        pytest.param(("a" * 40, "_" * 40, "x", "x", "x", "x", "x", "x"), id="longest words"),
    ],
)
def test_sql_and_python_hash_alike(
    administrator: Administrator, audit: AuditDatabase, arguments: tuple[str, ...]
) -> None:
    record = appended(administrator, audit, arguments)
    for name, place in PLACES.items():
        assert getattr(record, name) == arguments[place][: BOUNDS[name]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.tuples(words, words, texts, texts, texts, texts, texts, texts))
def test_sql_and_python_hash_alike_whatever_the_texts(
    administrator: Administrator, audit: AuditDatabase, fields: tuple[str, ...]
) -> None:
    assert appended(administrator, audit, fields).detail == fields[7][:1000]


def test_the_moment_is_read_to_the_microsecond_as_it_is_kept(
    administrator: Administrator, audit: AuditDatabase
) -> None:
    record = appended(administrator, audit, PLAIN)
    kept = administrator.execute(
        "SELECT (extract(EPOCH FROM recorded_at) * 1000000)::bigint FROM vault.audit_record"
        " WHERE chain = %s AND sequence = %s",
        (record.chain, record.sequence),
    ).fetchone()
    assert kept == (record.recorded_us,)


async def test_tasks_that_append_at_once_through_many_procedures_leave_gapless_chains(audited: AuditedVault) -> None:
    vault = Database(audited.url("vault_svc"), pool_size=14, name="test")
    worker = Database(audited.url("vault_worker"), pool_size=8, name="test")
    try:
        await use_fingerprint_key(vault)
        before = intact(audited)
        async with asyncio.timeout(120):
            least = sum(await asyncio.gather(*(use_vault(vault, worker, step) for step in range(TASKS))))
        # Cards whose time was over are gone, by the purge of whichever task.
        await vault.call("vault.purge_expired_tokens", 1000)
    finally:
        await vault.close()
        await worker.close()
    assert intact(audited) == before + least
    actions = Counter(
        audited.execute("SELECT string_agg(action || ' ' || outcome, '|') FROM vault.audit_record")[0][0].split("|")
    )
    assert actions == {
        "create_fingerprint_key done": 1,
        "create_data_key done": 2 * TASKS,
        "create_token done": TASKS,
        "detokenize taken": TASKS * 3 // 4,
        "detokenize not_found": TASKS + TASKS // 4,
        "request_operation done": TASKS,
        "approve_operation approved": TASKS,
        "delete_token done": TASKS * 3 // 4,
        "delete_token expired": TASKS // 4,
    }
    # Accesses are spread over the chains.
    assert all(head.sequence for head in audited.heads())


async def test_tasks_that_share_chains_wait_for_each_other_and_lose_nothing(audited: AuditedVault) -> None:
    async def one() -> None:
        async with await psycopg.AsyncConnection.connect(audited.admin_url, autocommit=True) as connection:
            for _ in range(4):
                await connection.execute(APPEND, PLAIN)

    await asyncio.gather(*(one() for _ in range(TASKS)))
    assert intact(audited) == 4 * TASKS


def test_a_transaction_has_one_chain_and_leaves_nothing_when_it_is_rolled_back(
    shared: AuditedVault, administrator: Administrator
) -> None:
    before = shared.heads()
    with administrator.transaction():
        for _ in range(5):
            administrator.execute(APPEND, PLAIN)
    between = shared.heads()
    assert sorted(now.sequence - then.sequence for then, now in zip(before, between, strict=True))[-2:] == [0, 5]
    with administrator.transaction() as transaction:
        administrator.execute(APPEND, PLAIN)
        raise psycopg.Rollback(transaction)
    assert shared.heads() == between
    intact(shared)


def test_transactions_one_after_the_other_take_different_chains(
    shared: AuditedVault, administrator: Administrator
) -> None:
    before = shared.heads()
    # The server's own work takes a number now and then.
    for _ in range(3 * CHAINS):
        administrator.execute(APPEND, PLAIN)
    assert all(now.sequence > then.sequence for then, now in zip(before, shared.heads(), strict=True))


@pytest.mark.parametrize("missing", range(8))
def test_a_record_that_lacks_a_field_is_refused_rather_than_left_out_of_the_hash(
    shared: AuditedVault, administrator: Administrator, missing: int
) -> None:
    before = intact(shared)
    arguments = [None if place == missing else text for place, text in enumerate(PLAIN)]
    with pytest.raises(errors.NotNullViolation):
        administrator.execute(APPEND, arguments)
    assert intact(shared) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault.audit_record SET actor = 'nobody'",
        "UPDATE vault.audit_record SET actor = 'nobody' WHERE false",
        "DELETE FROM vault.audit_record",
        "TRUNCATE vault.audit_record",
        "TRUNCATE vault.audit_chain CASCADE",
        "MERGE INTO vault.audit_record USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    ],
)
@pytest.mark.parametrize("role", ["postgres", "payera_owner"])
def test_not_even_the_administrator_changes_a_record(
    shared: AuditedVault, administrator: Administrator, statement: str, role: str
) -> None:
    administrator.execute(APPEND, PLAIN)
    before = intact(shared)
    with administrator.transaction():
        administrator.execute(f"SET LOCAL ROLE {role}".encode())
        with (
            pytest.raises(errors.RaiseException, match=r"rows of vault\.audit_record are never changed"),
            administrator.transaction(),
        ):
            administrator.execute(statement.encode())
    assert intact(shared) == before


class TestRights:
    """Who may read and append."""

    def test_the_auditor_reads_the_audit_and_nothing_else(self, shared: AuditedVault) -> None:
        shared.append()
        assert intact(shared)
        with psycopg.connect(shared.url("vault_auditor"), autocommit=True) as connection:
            names = connection.execute(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'vault'::regnamespace"
                " AND has_function_privilege(oid, 'EXECUTE') ORDER BY 1"
            ).fetchall()
            assert names == [("audit_heads",), ("audit_of_token",), ("audit_records",)]
            for statement in (
                "SELECT 1 FROM vault.audit_record",
                "SELECT 1 FROM vault.audit_chain",
                "SELECT vault.append_audit('a', 'b', '', '', '', '', '', '')",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(statement.encode())

    @pytest.mark.parametrize("role", ["vault_svc", "vault_worker"])
    def test_no_process_appends_but_by_what_it_does(self, shared: AuditedVault, role: str) -> None:
        with (
            psycopg.connect(shared.url(role), autocommit=True) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute(APPEND, PLAIN)

    async def test_the_worker_reads_the_heads(self, shared: AuditedVault) -> None:
        shared.append(3)
        database = Database(shared.url("vault_worker"), pool_size=1, name="test")
        try:
            assert tuple(await PostgresAuditHeads(database).read()) == shared.heads()
        finally:
            await database.close()


def test_records_come_in_their_order_page_by_page(audited: AuditedVault) -> None:
    audited.append(7, chain=4)
    with audited.audit() as audit:
        pages = [audit.records(4, 0, 3), audit.records(4, 3, 3), audit.records(4, 6, 3), audit.records(4, 7, 3)]
    assert [[record.sequence for record in page] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], []]


def test_a_page_has_a_bound(audited: AuditedVault) -> None:
    audited.execute(
        "INSERT INTO vault.audit_record SELECT 4, number, now(), 'a', 'b', '', '', '', '', '', '', sha256('')"
        " FROM generate_series(1, 10001) AS number"
    )
    with audited.audit() as audit:
        assert len(audit.records(4, 0, 1_000_000)) == 10_000
