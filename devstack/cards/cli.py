"""`payera cards`: merchants' cards from one vault to another, as encrypted files."""

import sys
from pathlib import Path
from typing import TextIO

import click

from devstack.operations.calls import counted, key_option, vault_of

operation_option = click.option("--operation", "operation_id", required=True, metavar="ID", help="The operation.")


@click.group()
def cards() -> None:
    """Bring cards to or from another vault; two operators have to approve: payera operations."""


@cards.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@operation_option
@click.option("--page-size", type=click.IntRange(1, 500), default=200, show_default=True, help="Cards per call.")
@key_option
@click.pass_obj
def export(home: Path | None, file: Path, operation_id: str, page_size: int, key_file: TextIO | None) -> None:
    """Write the cards of an approved export to FILE, encrypted for its key. Call it again after an interruption."""
    from devstack.cards.exporting import export_cards

    with vault_of(home, key_file) as vault:
        done = export_cards(vault, file, operation_id, page_size)
    click.echo(f"{counted(done.cards, 'card')} exported to {file}, encrypted")
    click.echo(f"sha256 of its lines: {done.sha256}")
    click.echo("next:  send the file, and tell the recipient this sha256 on another way")
    if done.unreadable:
        unreadable = counted(done.unreadable, "card")
        click.echo(f"{unreadable} could not be opened and not exported: see {file}.unreadable for the tokens", err=True)
        sys.exit(1)


@cards.command("import-key")
@operation_option
@key_option
@click.pass_obj
def import_key(home: Path | None, operation_id: str, key_file: TextIO | None) -> None:
    """Print the public key that cards have to be encrypted for, a JWK. This begins the approved import."""
    from payera.vault.v1 import key_service_pb2 as contract

    with vault_of(home, key_file) as vault:
        answer = vault.repeat("GetImportKey", contract.GetImportKeyRequest(operation_id=operation_id))
    click.echo(answer.public_key)


@cards.command("import")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@operation_option
@click.option("--keep-open", is_flag=True, help="Leave the import open for a further file.")
@key_option
@click.pass_obj
def import_(home: Path | None, file: Path, operation_id: str, keep_open: bool, key_file: TextIO | None) -> None:
    """Take the cards of FILE in. What became of each line is in FILE.results. Call it again after an interruption."""
    from devstack.cards.importing import finish_import, import_cards

    with vault_of(home, key_file) as vault:
        done = import_cards(vault, file, operation_id)
        whole = not done.refused
        if whole and not keep_open:
            finish_import(vault, operation_id)
    remarks = f", {done.remarks:,} of them with a remark" if done.remarks else ""
    click.echo(f"{counted(done.taken, 'card')} imported{remarks}; what became of each line is in {file}.results")
    if not whole:
        click.echo(f"{counted(done.refused, 'line')} refused: why is in `error` of its line there", err=True)
        click.echo(
            "next:  import a file with those lines corrected, or close the import: payera cards finish-import"
            f" --operation {operation_id}",
            err=True,
        )
        sys.exit(1)
    if not keep_open:
        click.echo(f"{operation_id} is finished, and its key is destroyed")


@cards.command("finish-import")
@operation_option
@key_option
@click.pass_obj
def finish(home: Path | None, operation_id: str, key_file: TextIO | None) -> None:
    """Close an import: its key is destroyed, and nothing more can be taken."""
    from devstack.cards.importing import finish_import

    with vault_of(home, key_file) as vault:
        finish_import(vault, operation_id)
    click.echo(f"{operation_id} is finished")


@cards.command()
@click.argument("key", type=click.File())
def thumbprint(key: TextIO) -> None:
    """Print the digest of a public key, a JWK, to be compared with the one that approvers are shown."""
    from devstack.cards.thumbprint import thumbprint_of

    click.echo(thumbprint_of(key.read()))
