"""A vault that answers operators' calls from memory, for the commands that move files of cards."""

import hashlib
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from payera.vault.v1 import key_service_pb2 as contract

from devstack.cards.card_file import check_file, header_line, trailer_line
from devstack.cards.exporting import export_cards
from devstack.cards.importing import import_cards
from devstack.cards.thumbprint import thumbprint_of
from devstack.cards.writing import CardFileWriter
from devstack.errors import StackError
from devstack.operations.calls import Vault

OPERATION = "cop_00000000000000000000000001"
PUBLIC_KEY = '{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}'
DIGEST = thumbprint_of(PUBLIC_KEY)


@dataclass
class FakeVault(Vault):
    """Exports `cards`, and takes what it is sent; `fail_at` is the number of the call whose answer is lost."""

    cards: list[str] = field(default_factory=list)
    unreadable: dict[int, list[str]] = field(default_factory=dict)
    answer: Callable[[str], contract.ImportedCard] | None = None
    fail_at: int = 0
    calls: list[str] = field(default_factory=list)
    largest: int = 0
    taken: int = 0
    finished: bool = False

    def call(self, rpc: str, request: object) -> Any:
        if rpc == "GetImportKey":
            if self.finished:
                message = "it is finished"
                raise StackError(message)
            return contract.GetImportKeyResponse(public_key=PUBLIC_KEY)
        self.calls.append(rpc)
        handlers: dict[str, Any] = {"ExportCards": self._export, "ImportCards": self._import}
        served = handlers[rpc](request)
        if len(self.calls) == self.fail_at:
            message = "the answer was lost"
            raise StackError(message)
        return served

    def repeat(self, rpc: str, request: object) -> Any:
        return self.call(rpc, request)

    def operations(self) -> Iterator[contract.ControlledOperation]:
        yield contract.ControlledOperation(id=OPERATION, merchant_id="mer_1", public_key_digest=DIGEST)

    def _export(self, request: contract.ExportCardsRequest) -> contract.ExportCardsResponse:
        if request.page_token == "end":
            self.finished = True
            return contract.ExportCardsResponse()
        start = int(request.page_token or 0)
        end = start + request.page_size
        return contract.ExportCardsResponse(
            cards=self.cards[start:end],
            unreadable_tokens=self.unreadable.get(start, []),
            next_page_token=str(end) if end < len(self.cards) else "end",
        )

    def _import(self, request: contract.ImportCardsRequest) -> contract.ImportCardsResponse:
        self.largest = max(self.largest, request.ByteSize())
        self.taken += len(request.cards)
        self.finished |= request.last
        answer = self.answer or _taken
        return contract.ImportCardsResponse(cards=[answer(envelope) for envelope in request.cards])


def _taken(envelope: str) -> contract.ImportedCard:
    return contract.ImportedCard(token_id=f"tok_{envelope[-6:]}", source_id=envelope[-6:])


def envelopes(count: int, length: int = 300) -> list[str]:
    """Give texts in the place of envelopes, each of its own."""
    return [f"{'e' * (length - 6)}{place:06d}" for place in range(count)]


def written(path: Path, cards: list[str]) -> Path:
    """Write a whole file by way of an export."""
    export_cards(FakeVault(cards=cards), path, OPERATION, 100)
    return path


def rewritten(path: Path, lines: list[bytes], public_key_digest: str = "") -> Path:
    """Write a file of these lines with the trailer that belongs to them, as its maker would."""
    head = header_line(
        merchant_id="mer_1", operation_id=OPERATION, create_time="2026", public_key_digest=public_key_digest
    )
    content = b"".join([head, *lines])
    path.write_bytes(content + trailer_line(len(lines), hashlib.sha256(content).hexdigest()))
    return path


def stream_many(path: Path) -> None:
    """Write, check and import 100,000 cards; print how many came through and how many KiB of memory that took."""
    vault = FakeVault()
    import_cards(vault, written(path.with_name("few"), envelopes(500)), OPERATION)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with CardFileWriter(path, OPERATION, b'{"format":"payera-cards","version":1}\n') as writer:
        for page in range(200):
            writer.add([f"{'e' * 294}{page * 500 + place:06d}" for place in range(500)], [], str(page))
        writer.complete()
    done = import_cards(vault, path, OPERATION)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(f"{check_file(path).cards} {done.taken} {memory}\n")
