"""Every action that a procedure of the vault records stands in docs/audit.md, and no other."""

import re
from pathlib import Path
from typing import Final

import pytest

from vault_svc.application.ports.rotations import RotationKind, RotationOrder
from vault_svc.application.rotate_keys import actor_of

ROOT: Final = Path(__file__).resolve().parents[3]
#: What is recorded under the name of an operation's kind, or of a key's.
KINDS: Final = {
    "v_operation.kind": {"export_cards", "import_cards"},
    "p_kind": {"export_cards", "import_cards"},
    "'rewrap_' || v_kind": {"rewrap_data_key", "rewrap_fingerprint_key", "rewrap_import_key"},
}
_CALL: Final = re.compile(r"vault\.append_audits?\(\s*([^,]+?),")


def recorded() -> set[str]:
    actions: set[str] = set()
    for path in (ROOT / "sql/vault/routines").glob("*.sql"):
        if path.stem not in ("append_audit", "append_audits"):
            for found in _CALL.findall(path.read_text(encoding="utf-8")):
                actions |= KINDS.get(found, {found.strip("'")})
    return actions


def documented() -> set[str]:
    text = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
    table = text.partition("| action |")[2].partition("\n\n")[0]
    return {name for line in table.splitlines()[2:] for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])}


def test_the_table_of_actions_is_whole() -> None:
    assert documented() == recorded()
    assert len(recorded()) > 10


@pytest.mark.parametrize("page", ["docs/audit.md", "docs/keys.md"])
def test_who_a_rotation_is_recorded_for_is_written_as_the_worker_writes_it(page: str) -> None:
    asked = actor_of(RotationOrder(RotationKind.DATA_KEY, requested_by="key_..."))
    assert f"`{asked}`" in (ROOT / page).read_text(encoding="utf-8")
