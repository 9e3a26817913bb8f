"""Whatever a superuser does to the audit in the real PostgreSQL, `payera audit verify` finds it, and where."""

import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime

import psycopg
import pytest

from devstack.audit.errors import CannotVerifyError
from devstack.audit.verification import Outcome, verify
from tests.support.audit_database import AuditedVault, audit_server, audited, copied
from tests.support.postgres import PostgresServer
from vault_svc.domain.audit import AuditRecord, ChainHead, PublishedHeads, first_head, hash_of

__all__ = ["audit_server", "audited"]

pytestmark = pytest.mark.integration

CHAIN = 4
RECORDS = 12
Spans = list[tuple[str, int | None, int | None, int | None]]


@dataclass
class Scene:
    """A vault with one long chain and some short ones, and what was published of them."""

    vault: AuditedVault
    published: list[PublishedHeads] = field(default_factory=list)

    def publish(self) -> None:
        """Keep the heads as Kafka would."""
        now = datetime.now(UTC)
        self.published.append(PublishedHeads(len(self.published), now, "pub_1", now, self.vault.heads()))

    def outcome(self, published: list[PublishedHeads] | None = None) -> Outcome:
        """Verify against what was published, or something else."""
        with self.vault.audit() as audit:
            return verify(audit, self.published if published is None else published, lambda _done, _total: None)

    def spans(self, published: list[PublishedHeads] | None = None) -> Spans:
        """Give what is found."""
        return [(one.kind.value, one.chain, one.first, one.last) for one in self.outcome(published).findings]

    def records(self, after: int = 0) -> list[AuditRecord]:
        """Give the records of the long chain."""
        with self.vault.audit() as audit:
            return audit.records(CHAIN, after, 10_000)

    def set_head_row(self, head: ChainHead) -> None:
        """Write the chain's head row."""
        self.vault.execute(
            "UPDATE vault.audit_chain SET sequence = %s, hash = %s WHERE chain = %s",
            arguments=(head.sequence, head.hash, head.chain),
        )

    def put_in(self, record: AuditRecord) -> None:
        """Insert a row."""
        fields = astuple(record)
        self.vault.execute(
            "INSERT INTO vault.audit_record VALUES"
            " (%s, %s, to_timestamp(0) + %s * interval '1 microsecond', %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            arguments=fields,
        )

    def cut(self, left: int, *, head_row: bool) -> None:
        """Remove the newest records, and set the head row back when told."""
        last = self.records()[left - 1]
        self.vault.tamper("DELETE FROM vault.audit_record WHERE chain = %s AND sequence > %s", arguments=(CHAIN, left))
        if head_row:
            self.set_head_row(ChainHead(CHAIN, left, last.hash))

    def rewrite(self, place: int) -> None:
        """Change a record and make every later hash and the head row fit, as whoever knows how they are made can."""
        records = self.records()
        last = records[place - 2].hash
        for record in records[place - 1 :]:
            forged = replace(record, actor="nobody") if record.sequence == place else record
            last = hash_of(last, forged)
            self.vault.tamper(
                "UPDATE vault.audit_record SET actor = %s, hash = %s WHERE chain = %s AND sequence = %s",
                arguments=(forged.actor, last, CHAIN, forged.sequence),
            )
        self.set_head_row(ChainHead(CHAIN, RECORDS, last))


@pytest.fixture(scope="module")
def filled(audit_server: PostgresServer) -> Iterator[Scene]:
    with copied(audit_server) as vault:
        vault.append(40)
        missing = RECORDS - next(head.sequence for head in vault.heads() if head.chain == CHAIN)
        vault.append(missing, chain=CHAIN)
        scene = Scene(vault)
        scene.publish()
        assert scene.spans() == []
        yield scene


@pytest.fixture
def scene(filled: Scene, audit_server: PostgresServer) -> Iterator[Scene]:
    with copied(audit_server, filled.vault.name) as vault:
        yield Scene(vault, list(filled.published))


def row(change: str, sequence: int = 5) -> Callable[[Scene], None]:
    """Give what changes one row."""
    return lambda scene: scene.vault.tamper(
        f"UPDATE vault.audit_record SET {change} WHERE chain = {CHAIN} AND sequence = {sequence}"
    )


@pytest.mark.parametrize(
    "change",
    [
        "recorded_at = recorded_at + interval '1 microsecond'",
        "recorded_at = 'infinity'",
        "action = 'describe'",
        "outcome = 'used'",
        "actor = 'Connectors'",
        "request_id = ''",
        "merchant_id = 'mer_2'",
        "token_id = token_id || ' '",
        "payment_id = 'pay_1'",
        "detail = 'x'",
        "detail = actor, actor = detail",
    ],
)
def test_a_changed_field(scene: Scene, change: str) -> None:
    row(change)(scene)
    expected = [("record_changed", CHAIN, 5, 5)]
    assert scene.spans() == expected
    assert scene.spans([]) == expected


@pytest.mark.parametrize("sequence", [1, RECORDS])
def test_a_changed_field_of_the_first_and_of_the_newest_row(scene: Scene, sequence: int) -> None:
    row("actor = 'nobody'", sequence)(scene)
    assert scene.spans() == [("record_changed", CHAIN, sequence, sequence)]


@pytest.mark.parametrize("sequence", [1, 5, RECORDS])
def test_a_changed_hash(scene: Scene, sequence: int) -> None:
    row("hash = sha256(hash)", sequence)(scene)
    assert scene.spans() == [("hash_changed", CHAIN, sequence, sequence)]


def test_a_field_made_null_where_that_was_allowed_first(scene: Scene) -> None:
    scene.vault.execute("ALTER TABLE vault.audit_record ALTER COLUMN payment_id DROP NOT NULL")
    # It was empty: what is shown of it does not differ.
    row("payment_id = NULL")(scene)
    assert scene.spans() == [("record_changed", CHAIN, 5, 5)]


def test_a_changed_field_with_a_hash_that_fits_breaks_the_next_record(scene: Scene) -> None:
    before, record = scene.records()[3:5]
    forged = replace(record, actor="nobody")
    scene.vault.tamper(
        "UPDATE vault.audit_record SET actor = 'nobody', hash = %s WHERE chain = %s AND sequence = 5",
        arguments=(hash_of(before.hash, forged), CHAIN),
    )
    assert scene.spans() == [("record_changed", CHAIN, 6, 6)]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (5, 5), (3, 9), (1, RECORDS - 1)])
def test_rows_removed_in_the_middle(scene: Scene, first: int, last: int) -> None:
    scene.vault.tamper(f"DELETE FROM vault.audit_record WHERE chain = {CHAIN} AND sequence BETWEEN {first} AND {last}")
    assert scene.spans() == [("records_missing", CHAIN, first, last)]


def test_rows_exchanged(scene: Scene) -> None:
    scene.vault.tamper(
        "ALTER TABLE vault.audit_record DROP CONSTRAINT audit_record_pkey",
        f"UPDATE vault.audit_record SET sequence = 12 - sequence WHERE chain = {CHAIN} AND sequence IN (4, 8)",
        "ALTER TABLE vault.audit_record ADD PRIMARY KEY (chain, sequence)",
    )
    assert scene.spans() == [("record_changed", CHAIN, 4, 5), ("record_changed", CHAIN, 8, 9)]


def test_rows_exchanged_between_chains(scene: Scene) -> None:
    other = next(head.chain for head in scene.published[0].heads if head.sequence and head.chain != CHAIN)
    scene.vault.tamper(
        "ALTER TABLE vault.audit_record DROP CONSTRAINT audit_record_pkey",
        f"UPDATE vault.audit_record SET chain = {CHAIN + other} - chain"
        f" WHERE chain IN ({CHAIN}, {other}) AND sequence = 1",
        "ALTER TABLE vault.audit_record ADD PRIMARY KEY (chain, sequence)",
    )
    assert {(kind, chain, first) for kind, chain, first, _ in scene.spans()} >= {
        ("record_changed", CHAIN, 1),
        ("record_changed", other, 1),
    }


def test_a_row_put_in_with_the_later_ones_moved_on(scene: Scene) -> None:
    forged = replace(scene.records()[4], sequence=5, actor="nobody")
    forged = replace(forged, hash=hash_of(scene.records()[3].hash, forged))
    scene.vault.tamper(
        "ALTER TABLE vault.audit_record DROP CONSTRAINT audit_record_pkey",
        f"UPDATE vault.audit_record SET sequence = sequence + 1 WHERE chain = {CHAIN} AND sequence >= 5",
        "ALTER TABLE vault.audit_record ADD PRIMARY KEY (chain, sequence)",
        f"UPDATE vault.audit_chain SET sequence = sequence + 1 WHERE chain = {CHAIN}",
    )
    scene.put_in(forged)
    assert scene.spans([]) == [("record_changed", CHAIN, 6, RECORDS + 1)]
    assert ("rewritten", CHAIN, 1, RECORDS) in scene.spans()


def test_a_row_put_in_twice(scene: Scene) -> None:
    scene.vault.execute(
        "ALTER TABLE vault.audit_record DROP CONSTRAINT audit_record_pkey",
        f"INSERT INTO vault.audit_record SELECT * FROM vault.audit_record WHERE chain = {CHAIN} AND sequence = 5",
    )
    outcome = scene.outcome()
    assert [finding.kind.value for finding in outcome.findings] == ["guard_missing", "record_unexpected"]
    assert "primary key" in outcome.findings[0].evidence


def test_a_row_put_in_behind_the_head(scene: Scene) -> None:
    last = scene.records()[-1]
    forged = replace(last, sequence=RECORDS + 1)
    scene.put_in(replace(forged, hash=hash_of(last.hash, forged)))
    assert scene.spans() == [("records_beyond_head", CHAIN, RECORDS + 1, RECORDS + 1)]


def test_rows_removed_at_the_end_while_the_head_row_was_left(scene: Scene) -> None:
    scene.cut(8, head_row=False)
    assert scene.spans([]) == [("tail_missing", CHAIN, 9, RECORDS)]
    assert scene.spans() == [("tail_missing", CHAIN, 9, RECORDS), ("cut_off", CHAIN, 9, RECORDS)]


def test_rows_removed_at_the_end_with_the_head_row_set_back(scene: Scene) -> None:
    scene.cut(8, head_row=True)
    # The database alone looks as if they had never been there.
    assert scene.spans([]) == []
    assert scene.spans() == [("cut_off", CHAIN, 9, RECORDS)]


def test_rows_removed_at_the_end_and_others_added_since(scene: Scene) -> None:
    scene.cut(8, head_row=True)
    scene.vault.append(10, chain=CHAIN)
    scene.publish()
    assert scene.spans(scene.published[1:]) == []
    assert scene.spans() == [("rewritten", CHAIN, 1, RECORDS)]


def test_a_chain_written_anew_with_everything_fitting(scene: Scene) -> None:
    scene.rewrite(7)
    assert scene.spans([]) == []
    assert scene.spans() == [("rewritten", CHAIN, 1, RECORDS)]
    # And although heads of what was written anew are published since.
    scene.vault.append(3, chain=CHAIN)
    scene.publish()
    found = scene.outcome()
    assert [finding.kind.value for finding in found.findings] == ["rewritten"]
    assert "offset 0" in found.findings[0].evidence


def test_every_head_that_was_published_narrows_down_what_was_written_anew(audited: AuditedVault) -> None:
    scene = Scene(audited)
    for _ in range(RECORDS):
        audited.append(chain=CHAIN)
        scene.publish()
    scene.rewrite(7)
    assert scene.spans() == [("rewritten", CHAIN, 7, RECORDS)]


def test_a_whole_chain_removed_with_its_head_row(scene: Scene) -> None:
    scene.vault.tamper(f"DELETE FROM vault.audit_record WHERE chain = {CHAIN}")
    scene.vault.execute(f"DELETE FROM vault.audit_chain WHERE chain = {CHAIN}")
    assert scene.spans([]) == [("head_missing", CHAIN, None, None)]
    assert scene.spans() == [("head_missing", CHAIN, None, None), ("cut_off", CHAIN, 1, RECORDS)]


def test_a_whole_chain_emptied_and_its_head_row_as_at_the_beginning(scene: Scene) -> None:
    scene.vault.tamper(f"DELETE FROM vault.audit_record WHERE chain = {CHAIN}")
    scene.set_head_row(first_head(CHAIN))
    assert scene.spans([]) == []
    assert scene.spans() == [("cut_off", CHAIN, 1, RECORDS)]


def test_a_head_row_removed_alone(scene: Scene) -> None:
    scene.vault.tamper(f"DELETE FROM vault.audit_chain WHERE chain = {CHAIN}")
    assert scene.spans() == [("head_missing", CHAIN, None, None)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("hash = sha256(hash)", ("head_changed", CHAIN, RECORDS, RECORDS)),
        ("sequence = sequence + 3", ("tail_missing", CHAIN, RECORDS + 1, RECORDS + 3)),
        ("sequence = sequence - 3", ("records_beyond_head", CHAIN, RECORDS - 2, RECORDS)),
    ],
)
def test_a_head_row_changed(scene: Scene, change: str, expected: tuple[str, int, int, int]) -> None:
    scene.vault.execute(f"UPDATE vault.audit_chain SET {change} WHERE chain = {CHAIN}")
    assert expected in scene.spans()


def test_a_chain_that_does_not_exist(scene: Scene) -> None:
    scene.vault.execute(
        "ALTER TABLE vault.audit_chain DROP CONSTRAINT audit_chain_chain_check",
        "INSERT INTO vault.audit_chain VALUES (32, 0, sha256(''))",
    )
    assert scene.spans() == [("chain_unknown", 32, None, None)]


def test_published_heads_that_go_backwards(scene: Scene) -> None:
    scene.vault.append(3, chain=CHAIN)
    scene.publish()
    now = datetime.now(UTC)
    scene.published.append(replace(scene.published[0], offset=2, kept_at=now, read_at=now))
    assert scene.spans() == [("heads_backwards", CHAIN, RECORDS, RECORDS + 3)]


def test_published_heads_that_contradict_each_other(scene: Scene) -> None:
    forged = tuple(replace(head, hash=bytes(32)) if head.chain == CHAIN else head for head in scene.published[0].heads)
    scene.published.append(replace(scene.published[0], offset=1, heads=forged))
    assert ("heads_contradict", CHAIN, RECORDS, RECORDS) in scene.spans()


class TestGuards:
    """What keeps records from being changed."""

    @pytest.mark.parametrize(
        ("statement", "kind"),
        [
            ("DROP TRIGGER audit_record_append_only ON vault.audit_record", "guard_missing"),
            ("ALTER TRIGGER audit_record_append_only ON vault.audit_record RENAME TO other", "guard_missing"),
            ("ALTER TABLE vault.audit_record DISABLE TRIGGER audit_record_append_only", "guard_disabled"),
            ("ALTER TABLE vault.audit_record DISABLE TRIGGER ALL", "guard_disabled"),
            ("ALTER TABLE vault.audit_record ENABLE REPLICA TRIGGER audit_record_append_only", "guard_disabled"),
            ("ALTER DATABASE {name} SET session_replication_role = 'replica'", "guard_disabled"),
            (
                (
                    "CREATE OR REPLACE TRIGGER audit_record_append_only BEFORE DELETE ON vault.audit_record"
                    " FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change()"
                ),
                "guard_changed",
            ),
            (
                (
                    "CREATE OR REPLACE TRIGGER audit_record_append_only BEFORE UPDATE OF actor OR DELETE OR TRUNCATE"
                    " ON vault.audit_record FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change()"
                ),
                "guard_changed",
            ),
            (
                (
                    "CREATE OR REPLACE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
                    " ON vault.audit_record FOR EACH STATEMENT WHEN (current_user <> 'postgres')"
                    " EXECUTE FUNCTION vault.refuse_change()"
                ),
                "guard_changed",
            ),
            (
                (
                    "CREATE OR REPLACE FUNCTION vault.refuse_change() RETURNS trigger LANGUAGE plpgsql"
                    " AS $$ BEGIN RETURN NULL; END; $$"
                ),
                "guard_changed",
            ),
            ("CREATE RULE quiet AS ON INSERT TO vault.audit_record DO INSTEAD NOTHING", "guard_changed"),
            ("ALTER TABLE vault.audit_record DROP CONSTRAINT audit_record_pkey", "guard_missing"),
        ],
    )
    def test_a_guard_that_is_not_as_it_was_made(self, scene: Scene, statement: str, kind: str) -> None:
        scene.vault.execute(statement.format(name=scene.vault.name))
        outcome = scene.outcome()
        assert [finding.kind.value for finding in outcome.findings] == [kind]
        assert outcome.exit_code == 1

    @pytest.mark.parametrize(
        ("silence", "undo"),
        [
            (
                "ALTER ROLE vault_svc SET session_replication_role = 'REPLICA'",
                "ALTER ROLE vault_svc RESET session_replication_role",
            ),
            (
                "ALTER ROLE vault_svc IN DATABASE {name} SET session_replication_role = 'Replica'",
                "ALTER ROLE vault_svc IN DATABASE {name} RESET session_replication_role",
            ),
            # Whatever the server has, the auditor alone would not see it.
            (
                "ALTER ROLE vault_auditor SET session_replication_role = origin",
                "ALTER ROLE vault_auditor RESET session_replication_role",
            ),
            (
                "ALTER SYSTEM SET session_replication_role = 'replica'",
                "ALTER SYSTEM RESET session_replication_role",
            ),
        ],
    )
    def test_triggers_silenced_for_a_role_or_the_whole_server(self, scene: Scene, silence: str, undo: str) -> None:
        # These are the server's, not the copy's: they are taken back whatever happens.
        with psycopg.connect(scene.vault.admin_url, autocommit=True) as connection:
            try:
                connection.execute(silence.format(name=scene.vault.name).encode())
                connection.execute("SELECT pg_reload_conf()")
                self._until_loaded(scene, silenced="ALTER SYSTEM" in silence)
                outcome = scene.outcome()
            finally:
                connection.execute(undo.format(name=scene.vault.name).encode())
                connection.execute("SELECT pg_reload_conf()")
                self._until_loaded(scene, silenced=False)
        assert [finding.kind.value for finding in outcome.findings] == ["guard_disabled"]
        assert scene.spans() == []

    @staticmethod
    def _until_loaded(scene: Scene, *, silenced: bool) -> None:
        """Wait until new sessions have the server's setting: it reads its files a moment after it is asked to."""
        wanted = "replica" if silenced else "origin"
        for _ in range(100):
            if scene.vault.execute("SHOW session_replication_role") == [(wanted,)]:
                return
            time.sleep(0.05)
        pytest.fail("the server did not load its setting")

    def test_a_guard_that_is_even_stricter_is_fine(self, scene: Scene) -> None:
        scene.vault.execute("ALTER TABLE vault.audit_record ENABLE ALWAYS TRIGGER audit_record_append_only")
        assert scene.spans() == []


class TestOutOfReach:
    """A verification that can't be done says so, and finds nothing."""

    def test_a_role_without_the_right(self, scene: Scene) -> None:
        scene.vault.execute(
            "REVOKE EXECUTE ON FUNCTION vault.audit_records(integer, bigint, integer) FROM vault_auditor"
        )
        outcome = scene.outcome()
        assert (outcome.exit_code, outcome.findings) == (2, [])
        assert "the role may not read the audit" in str(outcome.unverified[0])

    def test_a_database_without_an_audit(self, scene: Scene) -> None:
        scene.vault.execute("DROP FUNCTION vault.audit_heads()")
        outcome = scene.outcome()
        assert outcome.exit_code == 2
        assert "the database has no audit" in str(outcome.unverified[0])

    def test_a_server_that_goes_away_meanwhile(self, scene: Scene) -> None:
        with scene.vault.audit() as audit:
            scene.vault.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'payera_audit'"
            )
            outcome = verify(audit, scene.published, lambda _done, _total: None)
        assert (outcome.exit_code, outcome.findings) == (2, [])

    def test_a_wrong_password(self, scene: Scene) -> None:
        url = psycopg.conninfo.make_conninfo(scene.vault.url("vault_auditor"), password="wrong")
        from devstack.audit.database import open_audit

        with pytest.raises(CannotVerifyError, match="the database can't be reached"), open_audit(url):
            pass
