"""API keys as the vault looks them up: over mutual TLS, remembered for five seconds, asked once for many."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from payera.keys.v1 import key_service_pb2 as keys_pb2
from payera.options.v1 import options_pb2

from mesh.channels import open_channel
from mesh.context import KeyScope, Principal
from mesh.key_look_up import KeyLookUp
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import KeyRecord
from tests.fakes.vault.clocks import FakeMonotonic
from tests.support.mesh_services import KnownKeys, free_port, running_key_service, write_identities

pytestmark = pytest.mark.integration

KEY = hashlib.sha256(b"pk_test_1").digest()
OTHER_KEY = hashlib.sha256(b"pk_test_2").digest()
ACTIVE = keys_pb2.LookUpKeyResponse(
    state=keys_pb2.LookUpKeyResponse.STATE_ACTIVE,
    merchant_id="mer_1",
    scope=options_pb2.KEY_SCOPE_PUBLISHABLE,
    key_id="key_1",
    live=True,
)


@dataclass(slots=True)
class Subject:
    """A look-up with a clock of its own, and the gateway it asks."""

    look_up: KeyLookUp
    identities: Path
    port: int
    keys: KnownKeys = field(default_factory=KnownKeys)
    monotonic: FakeMonotonic = field(default_factory=FakeMonotonic)


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture
async def subject(identities: Path) -> AsyncIterator[Subject]:
    port = free_port()
    monotonic = FakeMonotonic()
    address = f"127.0.0.1:{port}"
    async with open_channel(address, service="gateway_svc", tls_directory=identities / "vault_svc") as channel:
        yield Subject(KeyLookUp(channel, monotonic=monotonic), identities, port, monotonic=monotonic)


async def test_a_known_key_is_told_whole(subject: Subject) -> None:
    subject.keys.answers[KEY] = ACTIVE
    async with running_key_service(subject.identities, subject.keys, subject.port):
        record = await subject.look_up.look_up(KEY)
    assert record == KeyRecord(Principal("mer_1", KeyScope.PUBLISHABLE, "key_1", live=True), revoked=False)


async def test_answers_are_kept_for_five_seconds_also_that_a_key_is_unknown(subject: Subject) -> None:
    subject.keys.answers[KEY] = ACTIVE
    async with running_key_service(subject.identities, subject.keys, subject.port):
        for _ in range(3):
            assert await subject.look_up.look_up(KEY) is not None
            assert await subject.look_up.look_up(OTHER_KEY) is None
        assert subject.keys.asked == [KEY, OTHER_KEY]
        revoked = keys_pb2.LookUpKeyResponse()
        revoked.CopyFrom(ACTIVE)
        revoked.state = keys_pb2.LookUpKeyResponse.STATE_REVOKED
        subject.keys.answers[KEY] = revoked
        subject.monotonic.seconds += 4.9
        still = await subject.look_up.look_up(KEY)
        assert still is not None
        assert not still.revoked
        subject.monotonic.seconds += 0.1
        now = await subject.look_up.look_up(KEY)
        assert now is not None
        assert now.revoked


async def test_many_calls_with_one_key_ask_once(subject: Subject) -> None:
    subject.keys.answers[KEY] = ACTIVE
    async with running_key_service(subject.identities, subject.keys, subject.port):
        records = await asyncio.gather(*(subject.look_up.look_up(KEY) for _ in range(20)))
    assert all(record is not None for record in records)
    assert subject.keys.asked == [KEY]


async def test_without_the_gateway_known_answers_hold_and_others_are_refused(subject: Subject) -> None:
    subject.keys.answers[KEY] = ACTIVE
    async with running_key_service(subject.identities, subject.keys, subject.port):
        await subject.look_up.look_up(KEY)
    assert await subject.look_up.look_up(KEY) is not None
    with pytest.raises(Refusal) as refused:
        await subject.look_up.look_up(OTHER_KEY)
    assert refused.value.reason is Reason.UNAVAILABLE
    subject.monotonic.seconds += 5.0
    with pytest.raises(Refusal):
        await subject.look_up.look_up(KEY)


@pytest.mark.parametrize(
    "answer",
    [
        keys_pb2.LookUpKeyResponse(merchant_id="mer_1", scope=options_pb2.KEY_SCOPE_SECRET),
        keys_pb2.LookUpKeyResponse(state=keys_pb2.LookUpKeyResponse.STATE_ACTIVE, merchant_id="mer_1"),
    ],
    ids=["no-state", "no-scope"],
)
async def test_an_answer_that_says_too_little_lets_nobody_in(
    subject: Subject, answer: keys_pb2.LookUpKeyResponse
) -> None:
    subject.keys.answers[KEY] = answer
    async with running_key_service(subject.identities, subject.keys, subject.port):
        assert await subject.look_up.look_up(KEY) is None
