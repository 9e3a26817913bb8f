"""`payera operations`: what two operators have to approve."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from devstack.operations.calls import counted, key_option, vault_of

if TYPE_CHECKING:
    from payera.vault.v1 import key_service_pb2 as contract

KINDS: Final = ("export_cards", "import_cards", "destroy_data_key")
NEXT_STEPS: Final[Mapping[str, str]] = {
    "export_cards": "payera cards export FILE --operation {id}",
    "import_cards": "payera cards import-key --operation {id}",
    "destroy_data_key": "payera operations destroy-key {id}",
}


@click.group()
def operations() -> None:
    """Request, approve and carry out what nobody may do alone."""


@operations.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--merchant", required=True, help="Merchant whose cards or key it is about.")
@click.option("--public-key", type=click.File(), help="For an export: the recipient's public key, a JWK.")
@click.option("--key-version", type=click.IntRange(1), help="For a destruction: the version of the data key.")
@key_option
@click.pass_obj
def request(
    home: Path | None,
    kind: str,
    merchant: str,
    public_key: TextIO | None,
    key_version: int | None,
    key_file: TextIO | None,
) -> None:
    """Ask for an operation. It needs two approvals, is begun within a day, and ends seven days later."""
    from payera.vault.v1 import key_service_pb2 as contract

    wanted = contract.RequestOperationRequest(
        kind=kind,
        merchant_id=merchant,
        public_key=public_key.read() if public_key else "",
        key_version=key_version or 0,
    )
    with vault_of(home, key_file) as vault:
        made = vault.call("RequestOperation", wanted)
    _show(made)
    click.echo(f"next:  two approvals with different keys: payera operations approve {made.id}")


@operations.command()
@click.argument("operation_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Approve without being asked.")
@key_option
@click.pass_obj
def approve(home: Path | None, operation_id: str, yes: bool, key_file: TextIO | None) -> None:
    """Approve an operation. Compare the digest of the recipient's key with the one that the recipient told you."""
    from payera.vault.v1 import key_service_pb2 as contract

    with vault_of(home, key_file) as vault:
        before = vault.operation(operation_id)
        _show(before)
        if not yes:
            click.confirm("Approve this?", abort=True)
        made = vault.call("ApproveOperation", contract.ApproveOperationRequest(operation_id=operation_id))
    click.echo(f"{made.id} is {made.state}; approved by {', '.join(made.approvers)}")
    if len(made.approvers) == len(before.approvers):
        click.echo("this key has approved it before, and counts once")
    if made.state == "approved":
        click.echo(f"next:  {NEXT_STEPS[made.kind].format(id=made.id)}")
    elif made.state == "requested":
        click.echo(f"next:  one more approval, with another key: payera operations approve {made.id}")


@operations.command()
@click.argument("operation_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Cancel without being asked.")
@key_option
@click.pass_obj
def cancel(home: Path | None, operation_id: str, yes: bool, key_file: TextIO | None) -> None:
    """Take back an operation that this key requested, approved or began, however far it is. There is no way back."""
    from payera.vault.v1 import key_service_pb2 as contract

    with vault_of(home, key_file) as vault:
        _show(vault.operation(operation_id))
        if not yes:
            click.confirm("Cancel this?", abort=True)
        made = vault.call("CancelOperation", contract.CancelOperationRequest(operation_id=operation_id))
    click.echo(f"{made.id} is {made.state}; what it gave or took so far stays where it is")


@operations.command("list")
@click.option("-n", "--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@key_option
@click.pass_obj
def list_operations(home: Path | None, last: int, as_json: bool, key_file: TextIO | None) -> None:
    """List operations, newest first."""
    with vault_of(home, key_file) as vault:
        found = list(islice(vault.operations(), last))
    if as_json:
        click.echo(json.dumps([_as_json(operation) for operation in found], indent=2))
        return
    for operation in found:
        _show(operation)
    if not found:
        click.echo("none")


@operations.command("destroy-key")
@click.argument("operation_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Destroy without being asked.")
@key_option
@click.pass_obj
def destroy_key(home: Path | None, operation_id: str, yes: bool, key_file: TextIO | None) -> None:
    """Destroy the data key of an approved operation, and with it every card under it."""
    from payera.vault.v1 import key_service_pb2 as contract

    with vault_of(home, key_file) as vault:
        _show(vault.operation(operation_id))
        if not yes:
            click.confirm("There is no way back. Destroy the key?", abort=True)
        answer = vault.call("DestroyDataKey", contract.DestroyDataKeyRequest(operation_id=operation_id))
    click.echo(f"the key is destroyed; {counted(answer.cards, 'card')} can never be read again")


@operations.command("new-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def new_key(home: Path | None, file: Path) -> None:
    """Make a further operator's key for a development stack, and write it to FILE."""
    from devstack.operations.keys import new_operator_key

    new_operator_key(home, file)
    click.echo(f"{file} holds a new operator's key; use it with --key-file {file}")


def _show(operation: "contract.ControlledOperation") -> None:
    rows = [
        ("merchant", operation.merchant_id),
        ("requested", f"{_time(operation.create_time)} by {operation.requested_by}"),
        ("approved by", ", ".join(operation.approvers) or "nobody"),
    ]
    if operation.state in ("requested", "approved"):
        rows.append(("begin before", _time(operation.expire_time)))
    if operation.state == "begun":
        rows.append(("ends", _time(operation.expire_time)))
    if operation.public_key_digest:
        rows.append(("key digest", operation.public_key_digest))
    if operation.key_version:
        rows.append(("key version", str(operation.key_version)))
    click.echo(f"{operation.id}  {operation.kind}  {operation.state}")
    for name, value in rows:
        click.echo(f"  {name:<13}{value}")


def _as_json(operation: "contract.ControlledOperation") -> dict[str, Any]:
    return {
        "id": operation.id,
        "kind": operation.kind,
        "merchant_id": operation.merchant_id,
        "state": operation.state,
        "requested_by": operation.requested_by,
        "approvers": list(operation.approvers),
        "create_time": _time(operation.create_time),
        "expire_time": _time(operation.expire_time),
        "public_key_digest": operation.public_key_digest,
        "key_version": operation.key_version,
    }


def _time(moment: Any) -> str:  # noqa: ANN401 - a protobuf timestamp
    return datetime.fromtimestamp(moment.seconds, UTC).isoformat(timespec="seconds")
