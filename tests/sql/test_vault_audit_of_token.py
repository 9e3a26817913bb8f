"""A token's records on the real PostgreSQL: newest first, page by page, and no more rows read than are given."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from click.testing import CliRunner

from devstack import cli
from devstack.audit.database import AuditDatabase
from devstack.audit.records import PAGE, records_of_token
from mesh.identifiers import new_id
from tests.fakes.vault.audit import FakeAudit
from tests.support.audit_database import AuditedVault, audit_server, copied
from tests.support.postgres import PostgresServer
from vault_svc.domain.audit import AuditRecord

__all__ = ["audit_server"]

WANTED = "tok_wanted"
LONG = "tok_long"
#: Two records of each moment, in two chains; every third is about nothing, every fourth about another token.
MIXED = """
    INSERT INTO vault.audit_record
    SELECT mod(number, 5), number, timestamptz '2026-11-21' + number / 2 * interval '1 second', 'detokenize', 'taken',
        'psp_connectors', '', 'mer_1',
        CASE WHEN mod(number, 3) = 0 THEN '' WHEN mod(number, 4) = 0 THEN 'tok_other' ELSE %s END,
        'pay_' || number, '', sha256('')
    FROM generate_series(1, 60) AS number"""
MANY = """
    INSERT INTO vault.audit_record
    SELECT 7, number, timestamptz '2026-11-22' + number * interval '1 second', 'detokenize', 'taken', 'psp_connectors',
        '', 'mer_1', CASE WHEN mod(number, 2) = 0 THEN %s ELSE 'tok_' || number END, '', '', sha256('')
    FROM generate_series(1, 20000) AS number"""


@pytest.fixture(scope="module")
def vault(audit_server: PostgresServer) -> Iterator[AuditedVault]:
    with copied(audit_server) as vault:
        vault.execute(MIXED, arguments=(WANTED,))
        vault.execute(MANY, arguments=(LONG,))
        # What is recorded from now on stands behind them, whichever chain it gets.
        vault.execute("UPDATE vault.audit_chain SET sequence = 1000000")
        vault.execute("ANALYZE vault.audit_record")
        yield vault


@pytest.fixture(scope="module")
def audit(vault: AuditedVault) -> Iterator[AuditDatabase]:
    with vault.audit() as audit:
        yield audit


def pages(audit: AuditDatabase | FakeAudit, token_id: str, limit: int) -> list[list[AuditRecord]]:
    found: list[list[AuditRecord]] = []
    while page := audit.of_token(token_id, found[-1][-1] if found else None, limit):
        found.append(page)
    return found


@pytest.mark.parametrize("token_id", [WANTED, "tok_other", "tok_unknown", ""])
@pytest.mark.parametrize("limit", [1, 2, 7, 100, 5_000])
def test_pages_are_those_of_the_fake(audit: AuditDatabase, token_id: str, limit: int) -> None:
    fake = FakeAudit()
    fake.rows = {chain: audit.records(chain, 0, 10_000) for chain in range(5)}
    assert pages(audit, token_id, limit) == pages(fake, token_id, limit)


def test_the_newest_come_first_and_none_is_left_out_or_given_twice(audit: AuditDatabase) -> None:
    found = [record for page in pages(audit, WANTED, 3) for record in page]
    assert len(found) == 30
    assert len({(record.chain, record.sequence) for record in found}) == 30
    moments = [record.recorded_us for record in found]
    assert moments == sorted(moments, reverse=True)
    # Where one page ended and the next began, too, there were records of one moment.
    assert len(set(moments)) < len(moments)
    assert records_of_token(audit, WANTED, 1_000) == found[::-1]
    assert records_of_token(audit, WANTED, 4) == found[3::-1]


def test_a_page_has_a_bound(audit: AuditDatabase) -> None:
    assert len(audit.of_token(LONG, None, 1_000_000)) == PAGE
    assert len(records_of_token(audit, LONG, 2 * PAGE + 1)) == 2 * PAGE + 1


def test_before_a_record_that_is_not_there_is_nothing(vault: AuditedVault) -> None:
    assert vault.execute("SELECT * FROM vault.audit_of_token(%s, 31, 999, 10)", arguments=(LONG,)) == []


def test_a_page_reads_no_more_than_it_gives_wherever_it_begins(vault: AuditedVault) -> None:
    read = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'audit_record'"
    with psycopg.connect(vault.admin_url) as connection:
        # More often than a plan is made anew for each call's arguments.
        for sequence in (0, 20_000, 15_000, 10_000, 6_000, 3_000, 1_000, 500):
            rows = connection.execute(
                "SELECT sequence FROM vault.audit_of_token(%s, 7, %s, 10)", (LONG, sequence)
            ).fetchall()
            first = (sequence or 20_002) - 2
            assert rows == [(place,) for place in range(first, first - 20, -2)]
        counted = connection.execute(read).fetchone()
    assert counted is not None
    assert counted[0] == 0
    assert 80 <= counted[1] <= 8 * 15


def test_the_command_shows_the_newest_records_oldest_first(vault: AuditedVault) -> None:
    token_id = new_id("tok")
    for outcome in ("taken", "used", "not_found"):
        vault.execute(
            "SELECT vault.append_audit('detokenize', %s, 'psp_connectors', '', 'mer_1', %s, '', '')",
            arguments=(outcome, token_id),
        )
    command = ["audit", "show", token_id, "--last", "2", "--database-url", vault.url("vault_auditor")]
    shown = CliRunner().invoke(cli.main, [*command, "--json"])
    assert shown.exit_code == 0, shown.output
    assert [(one["token_id"], one["outcome"]) for one in json.loads(shown.stdout)] == [
        (token_id, "used"),
        (token_id, "not_found"),
    ]
    assert len(CliRunner().invoke(cli.main, command).stdout.splitlines()) == 2
    command[2] = new_id("tok")
    assert CliRunner().invoke(cli.main, command).stdout == "nothing is recorded of this token\n"


def test_an_access_pays_for_two_indexes(vault: AuditedVault) -> None:
    found = vault.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'vault.audit_record'::regclass ORDER BY 1"
    )
    assert found == [("vault.audit_record_pkey",), ("vault.audit_record_token",)]
