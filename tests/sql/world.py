"""Calls the procedures as the login roles do, and looks at the tables as nobody else may."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from mesh.identifiers import new_id
from tests.support.postgres import PostgresServer

Row = dict[str, Any]
CARD = {"brand": "visa", "last4": "4242", "bin": "424242", "exp_month": 12, "exp_year": 2030}
LEASE_MS = 60_000


def hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class Caller:
    """One autocommit connection of one role: each call is a transaction."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def call_many(self, procedure: str, *arguments: object) -> list[Row]:
        query = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier("gateway", procedure), sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
        )
        # As mesh.database does: a list is jsonb, a tuple an array.
        values = [Jsonb(value) if isinstance(value, dict | list) else value for value in arguments]
        values = [list(value) if isinstance(value, tuple) else value for value in values]
        return self.connection.execute(query, values).fetchall()

    def call(self, procedure: str, *arguments: object) -> Row:
        rows = self.call_many(procedure, *arguments)
        assert len(rows) == 1
        return rows[0]

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class World:
    """One test's view of the database: callers for the roles and a merchant of its own."""

    server: PostgresServer
    admin: Caller
    gateway: Caller
    worker: Caller
    relay: Caller
    merchant_id: str = field(default_factory=lambda: new_id("mer"))

    def __post_init__(self) -> None:
        self.gateway.call("create_merchant", self.merchant_id, "Test merchant")

    # What procedures do, with the arguments that a test does not care about filled in.

    def begin(
        self,
        *,
        caller: Caller | None = None,
        amount: int = 100,
        currency: str = "EUR",
        capture_method: str = "MANUAL",
        reference: str = "",
        accounts: Sequence[str] = ("psp_a", "psp_b", "psp_c"),
        key: str | None = None,
        body: str = "body",
        lease_ms: int = LEASE_MS,
        merchant_id: str | None = None,
        payment_id: str | None = None,
        token: str = "tok_1",
        store_card: bool | None = False,
        card_on_file: bool | None = False,
        fingerprint: str | None = "",
        brand: str = "visa",
        three_ds_preference: str | None = "AUTOMATIC",
        decision: Row | None = None,
        stored_credential: Row | None = None,
        three_ds: Row | None = None,
        exemption: str | None = None,
        sealed_cryptogram: bytes | None = None,
    ) -> Row:
        return (caller or self.gateway).call(
            "begin_payment",
            payment_id or new_id("pay"),
            merchant_id or self.merchant_id,
            amount,
            currency,
            capture_method,
            token,
            CARD | {"brand": brand},
            reference,
            "shoes",
            {"basket": "7"},
            "SHOES",
            [{"account": account, "reason": f"rank of {account}"} for account in accounts],
            new_id("key") if key is None else key,
            hashed(body),
            lease_ms,
            store_card,
            card_on_file,
            fingerprint,
            three_ds_preference,
            decision,
            stored_credential,
            three_ds,
            exemption,
            sealed_cryptogram,
        )

    def payment(self, **changes: Any) -> Row:
        view: Row = self.begin(**changes)["payment"]
        return view

    def record(
        self,
        payment: Row,
        status: str,
        next_status: str,
        *,
        caller: Caller | None = None,
        ordinal: int | None = None,
        code: str = "",
        psp_reference: str = "",
        asked: bool = False,
        not_found: bool = False,
        details: Row | None = None,
    ) -> Row:
        ordinal = ordinal or len(payment["attempts"])
        return (caller or self.gateway).call(
            "record_attempt",
            payment["id"],
            f"{payment['id']}_{ordinal}",
            status,
            next_status,
            psp_reference,
            code,
            f"raw_{code}" if code else "",
            "ntx_1",
            asked,
            not_found,
            details or {},
        )

    def cascade(self, payment: Row, account: str, ordinal: int | None = None) -> Row:
        return self.worker.call(
            "begin_attempt", payment["id"], ordinal or len(payment["attempts"]) + 1, account, f"rank of {account}"
        )

    def authorized(self, amount: int = 100, **changes: Any) -> Row:
        payment = self.payment(amount=amount, capture_method="MANUAL", **changes)
        view: Row = self.record(payment, "APPROVED", "AUTHORIZED", psp_reference="psp_1")["payment"]
        return view

    def succeeded(self, amount: int = 100, **changes: Any) -> Row:
        payment = self.payment(amount=amount, capture_method="AUTOMATIC", **changes)
        view: Row = self.record(payment, "APPROVED", "SUCCEEDED", psp_reference="psp_1")["payment"]
        return view

    def modify(
        self,
        kind: str,
        payment_id: str,
        amount: int | None = None,
        *,
        caller: Caller | None = None,
        final: bool | None = None,
        reason: str = "",
        key: str | None = None,
        body: str = "body",
        lease_ms: int = LEASE_MS,
        merchant_id: str | None = None,
    ) -> Row:
        return (caller or self.gateway).call(
            "begin_modification",
            new_id({"CAPTURE": "cap", "VOID": "void", "REFUND": "ref"}[kind]),
            kind,
            merchant_id or self.merchant_id,
            payment_id,
            amount,
            final,
            reason,
            new_id("key") if key is None else key,
            hashed(f"{kind} {payment_id} {body}"),
            lease_ms,
        )

    def settle(
        self,
        modification: Row,
        status: str,
        *,
        caller: Caller | None = None,
        code: str = "",
        asked: bool = False,
        not_found: bool = False,
        details: Row | None = None,
        reversal: bool = False,
    ) -> Row:
        return (caller or self.gateway).call(
            "record_modification",
            modification["id"],
            status,
            "psp_m",
            code,
            "",
            asked,
            not_found,
            details or {},
            reversal,
        )

    def modified(self, kind: str, payment_id: str, amount: int | None = None, **changes: Any) -> Row:
        """Begin and succeed."""
        begun = self.modify(kind, payment_id, amount, **changes)
        view: Row = self.settle(begun["modification"], "SUCCEEDED")["payment"]
        return view

    # What nobody but a test may see.

    def rows(self, query: str, *arguments: object) -> list[Row]:
        return self.admin.connection.execute(query.encode(), arguments).fetchall()

    def events(self, payment_id: str) -> list[Row]:
        return self.rows("SELECT * FROM gateway.outbox WHERE payment_id = %s ORDER BY position", payment_id)

    def event_types(self, payment_id: str) -> list[str]:
        return [event["event_type"] for event in self.events(payment_id)]

    def ledger(self, payment_id: str) -> dict[str, int]:
        """Sum the payment's entries by account, leaving those out that are even."""
        rows = self.rows(
            "SELECT account, sum(amount)::bigint AS amount FROM gateway.entry JOIN gateway.journal ON id = journal_id"
            " WHERE payment_id = %s GROUP BY account",
            payment_id,
        )
        return {row["account"]: row["amount"] for row in rows if row["amount"]}

    def key_row(self, key: str) -> Row | None:
        rows = self.rows(
            "SELECT * FROM gateway.idempotency_key WHERE merchant_id = %s AND key = %s", self.merchant_id, key
        )
        return rows[0] if rows else None

    def snapshot(self) -> dict[str, Row]:
        """Sum up every row of every table of the schema, with the transaction that wrote it: a rewrite shows too."""
        tables = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'gateway'")
        return {
            row["tablename"]: self.rows(
                "SELECT count(*), md5(string_agg(concat_ws(' ', ctid, xmin, to_jsonb(t)), ',' ORDER BY ctid))"
                f" FROM gateway.{row['tablename']} AS t"
            )[0]
            for row in tables
        }

    @contextmanager
    def refused(self, reason: str, **metadata: object) -> Iterator[None]:
        """Expect a refusal with exactly this metadata that leaves every row of every table as it was."""
        with self.unchanged(), expect("PY001") as caught:
            yield
        error = caught[0]
        assert error.diag.message_primary == reason
        assert json.loads(error.diag.message_detail or "null") == metadata

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Expect a step that the state machine does not have, which leaves every row as it was."""
        with self.unchanged(), expect("PY002"):
            yield

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        before = self.snapshot()
        yield
        assert self.snapshot() == before


@contextmanager
def expect(sqlstate: str) -> Iterator[list[psycopg.Error]]:
    """Expect an error of the server with this SQLSTATE; it is put into the list."""
    caught: list[psycopg.Error] = []
    try:
        yield caught
    except psycopg.Error as error:
        if error.sqlstate != sqlstate:
            raise
        caught.append(error)
    assert caught, f"no error {sqlstate} came"


def in_parallel(jobs: Sequence[Any], url: str, threads: int) -> list[Any]:
    """Run each job with a Caller of its thread's own; a job's refusal is its result."""
    callers = [Caller(url) for _ in range(threads)]

    def run(thread: int) -> list[Any]:
        return [_or_refusal(job, callers[thread]) for job in jobs[thread::threads]]

    try:
        with ThreadPoolExecutor(threads) as pool:
            return [result for results in pool.map(run, range(threads)) for result in results]
    finally:
        for caller in callers:
            caller.close()


def overlapped(world: World, first: Callable[[Caller], Any], second: Callable[[Caller], Any]) -> tuple[Any, Any]:
    """Run `second` while the transaction of `first` has done all its work and is not committed.

    `second` must come to wait for it; then the first is committed. A refusal is a result.
    """
    url = world.server.role_urls["gateway_svc"]
    with Caller(url) as leader, Caller(url) as follower, ThreadPoolExecutor(1) as pool:
        with leader.connection.transaction():
            result = first(leader)
            running = pool.submit(_or_refusal, second, follower)
            _wait_until_blocked(world, follower.connection.info.backend_pid)
        return result, running.result(20)


def _or_refusal(job: Callable[[Caller], Any], caller: Caller) -> Any:
    try:
        return job(caller)
    except psycopg.Error as error:
        if error.sqlstate != "PY001":
            raise
        return error.diag.message_primary


def _wait_until_blocked(world: World, pid: int) -> None:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if world.rows("SELECT FROM unnest(pg_blocking_pids(%s))", pid):
            return
        time.sleep(0.005)
    pytest.fail("the second call did not wait for the first")
