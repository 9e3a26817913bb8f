"""Temporal's workflows: histories, memos, search attributes and failures, as they are kept and decrypted."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devstack.scan.searching import CannotSearchError, Look

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from temporalio.api.common.v1 import Payload
    from temporalio.client import Client, WorkflowExecution

    from mesh.temporal_codec import EncryptionCodec

CONNECT_TIMEOUT: Final = timedelta(seconds=5)
RPC_TIMEOUT: Final = timedelta(seconds=10)
HISTORIES_AT_ONCE: Final = 8
PAGE_EVENTS: Final = 200


class TemporalHistories:
    """All workflows of a namespace and its schedules. What is encrypted is searched decrypted too."""

    name = "temporal"

    def __init__(self, address: str, namespace: str, *codec_keyrings: Path) -> None:
        self._address = address
        self._namespace = namespace
        self._keyrings = codec_keyrings
        self.what = f"every workflow of the namespace {namespace} at {address}"

    def search(self, look: Look) -> None:
        """Read every history; raises CannotSearchError when Temporal does not answer."""
        from temporalio.exceptions import TemporalError
        from temporalio.service import RPCError

        try:
            asyncio.run(self._search(look))
        except (RPCError, TemporalError, RuntimeError) as error:
            raise CannotSearchError(f"Temporal at {self._address} does not answer: {error}") from None

    async def _search(self, look: Look) -> None:
        from temporalio.client import Client

        from mesh.temporal_connection import new_runtime

        # Without the codec: what is read is what is kept.
        client = await Client.connect(
            self._address, namespace=self._namespace, runtime=new_runtime(), connect_timeout=CONNECT_TIMEOUT
        )
        reader = _Reader(look, client, self._codecs(look))
        await reader.read_workflows()
        await reader.read_schedules()
        reader.tell_unopened()

    def _codecs(self, look: Look) -> "list[EncryptionCodec]":
        """Give a codec for each service's keyring: their keys have the same names."""
        from mesh.keyring import KeyringError, load_keyring
        from mesh.temporal_codec import EncryptionCodec

        codecs = []
        for keyring in self._keyrings:
            try:
                codecs.append(EncryptionCodec(load_keyring(keyring)))
            except KeyringError as error:
                look.note(f"what was encrypted with it can't be decrypted: {error}")
        return codecs


class _Reader:
    def __init__(self, look: Look, client: "Client", codecs: "Sequence[EncryptionCodec]") -> None:
        self._look = look
        self._client = client
        self._codecs = codecs
        self._unopened = 0
        self._listing = asyncio.Lock()

    async def read_workflows(self) -> None:
        """Read a few histories at once: the server takes its time for each."""
        workflows = self._client.list_workflows(rpc_timeout=RPC_TIMEOUT)
        # The first failure ends them all: the loop is closed right after.
        await asyncio.gather(*(self._read_some(workflows) for _ in range(HISTORIES_AT_ONCE)))

    async def read_schedules(self) -> None:
        """Read what schedules start workflows with, and their memos."""
        async for entry in await self._client.list_schedules(rpc_timeout=RPC_TIMEOUT):
            described = await self._client.get_schedule_handle(entry.id).describe(rpc_timeout=RPC_TIMEOUT)
            await self._search_message(f"schedule {entry.id}", described.raw_description)

    def tell_unopened(self) -> None:
        """Say how much could not be decrypted."""
        if self._unopened:
            self._look.skip(f"{self._unopened} encrypted payloads", "they can't be decrypted with the codecs' keyrings")

    async def _read_some(self, workflows: "AsyncIterator[WorkflowExecution]") -> None:
        from temporalio.service import RPCError, RPCStatusCode

        while True:
            async with self._listing:
                workflow = await anext(workflows, None)
            if workflow is None:
                return
            try:
                await self._read_workflow(workflow)
            except RPCError as error:
                # It may end its time of keeping just now.
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def _read_workflow(self, workflow: "WorkflowExecution") -> None:
        from temporalio.client import WorkflowExecutionStatus

        place = f"workflow {workflow.id} run {workflow.run_id}"
        await self._search_message(f"{place} memo and search attributes", workflow.raw_info)
        handle = self._client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
        if workflow.status is WorkflowExecutionStatus.RUNNING:
            described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            await self._search_message(f"{place} pending activities", described.raw_description)
        async for event in handle.fetch_history_events(page_size=PAGE_EVENTS, rpc_timeout=RPC_TIMEOUT):
            await self._search_message(f"{place} event {event.event_id}", event)

    async def _search_message(self, place: str, message: "Message") -> None:
        from mesh.temporal_codec import ENCODING

        self._look.at(place, message.SerializeToString(), is_protobuf=True)
        for payload in _payloads(message):
            if payload.metadata.get("encoding") != ENCODING:
                continue
            inner = await self._opened(payload)
            if inner is None:
                self._unopened += 1
            else:
                self._look.at(f"{place} (decrypted)", inner.SerializeToString(), is_protobuf=True)

    async def _opened(self, payload: "Payload") -> "Payload | None":
        from mesh.temporal_codec import CodecError

        for codec in self._codecs:
            with suppress(CodecError):
                return (await codec.decode([payload]))[0]
        return None


def _payloads(message: "Message") -> "Iterator[Payload]":
    """Yield every payload in a message, however deep."""
    from google.protobuf.message import Message
    from temporalio.api.common.v1 import Payload

    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        parts: Iterator[object] = iter((value,))
        if not isinstance(value, Message):
            parts = iter(value.values() if hasattr(value, "values") else value)
        for part in parts:
            if isinstance(part, Message):
                yield from _payloads(part)
