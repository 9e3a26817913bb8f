"""Pages through an export and writes its file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from devstack.cards.card_file import header_line
from devstack.cards.progress import CardCounter
from devstack.cards.writing import CardFileWriter
from devstack.errors import StackError
from devstack.operations.calls import Vault

PAGES_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export."""

    cards: int
    unreadable: int
    sha256: str


def export_cards(vault: Vault, path: Path, operation_id: str, page_size: int) -> Exported:
    """Write all cards of an export to a file, from where an earlier run stopped."""
    from payera.vault.v1 import key_service_pb2 as contract

    operation = vault.operation(operation_id)
    header = header_line(
        merchant_id=operation.merchant_id,
        operation_id=operation_id,
        create_time=datetime.now(UTC).isoformat(timespec="seconds"),
        public_key_digest=operation.public_key_digest,
    )
    with CardFileWriter(path, operation_id, header) as writer:
        if writer.resumed:
            click.echo(f"going on after {writer.state.cards:,} cards", err=True)
        counter = CardCounter("cards exported", writer.state.cards)
        for _ in range(PAGES_MAX):
            page = vault.repeat(
                "ExportCards",
                contract.ExportCardsRequest(
                    operation_id=operation_id, page_size=page_size, page_token=writer.state.page_token
                ),
            )
            if not page.next_page_token:
                break
            writer.add(page.cards, page.unreadable_tokens, page.next_page_token)
            counter.add(len(page.cards))
        else:
            message = f"the export has more than {PAGES_MAX:,} pages"
            raise StackError(message, "use larger pages")
        counter.end()
        sha256 = writer.complete()
        return Exported(writer.state.cards, writer.state.unreadable, sha256)
