"""What Temporal keeps of the vault's rotations: encrypted, bound to its key, and refused when it is anything else."""

import secrets

import pytest
from temporalio.api.common.v1 import Payload

from gateway_svc.adapters.temporal.codec import EncryptionCodec as GatewayCodec
from mesh.keyring import Keyring
from vault_svc.adapters.temporal.codec import CodecError, EncryptionCodec

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"merchant_id":"mer_1"}')


def codec(active: str, **keys: bytes) -> EncryptionCodec:
    return EncryptionCodec(Keyring(active, keys))


async def test_what_was_encrypted_comes_back_and_shows_nothing_meanwhile() -> None:
    first, second = await codec("old", old=OLD).encode([PLAIN, PLAIN])
    assert PLAIN.data not in first.SerializeToString()
    assert b"json" not in first.SerializeToString()
    assert first.data != second.data
    assert await codec("new", old=OLD, new=NEW).decode([first, second]) == [PLAIN, PLAIN]


async def test_a_payload_with_another_key_changed_or_in_the_clear_is_refused() -> None:
    [sealed] = await codec("old", old=OLD).encode([PLAIN])
    flipped = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    for there, payload in (
        (codec("new", new=NEW), sealed),
        (codec("old", old=NEW), sealed),
        (codec("old", old=OLD), Payload(metadata=sealed.metadata, data=flipped)),
        (codec("old", old=OLD), Payload(metadata=sealed.metadata, data=b"short")),
        (
            codec("new", old=OLD, new=OLD),
            Payload(metadata={**sealed.metadata, "payera-key-id": b"new"}, data=sealed.data),
        ),
        (codec("old", old=OLD), PLAIN),
    ):
        with pytest.raises(CodecError):
            await there.decode([payload])


async def test_it_is_the_gateway_s_codec_so_that_one_tool_reads_both() -> None:
    keyring = Keyring("old", {"old": OLD})
    assert await GatewayCodec(keyring).decode(await EncryptionCodec(keyring).encode([PLAIN])) == [PLAIN]
    assert await EncryptionCodec(keyring).decode(await GatewayCodec(keyring).encode([PLAIN])) == [PLAIN]
