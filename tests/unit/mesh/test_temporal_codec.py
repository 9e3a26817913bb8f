"""What Temporal keeps of us: encrypted, bound to its key, refused when it is anything else, and readable for good."""

import secrets

import pytest
from temporalio.api.common.v1 import Payload

from mesh.keyring import Keyring
from mesh.temporal_codec import CodecError, EncryptionCodec

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"id":"pay_1"}')
#: `PLAIN` under the key of 32 zero bytes named `k1` with the nonce 0, 1, 2 ... 11, as it was first written.
WRITTEN = Payload(
    metadata={"encoding": b"binary/payera-aes256gcm", "payera-key-id": b"k1"},
    data=bytes.fromhex(
        "000102030405060708090a0b82dd395a6593ec96a6113c82ef09b47f3b0287ead3fce698ddc59f29e4512d55ce87dddc13561381e20f"
        "9a4c110e99732de40aaf325dca5a"
    ),
)


def codec(active: str, **keys: bytes) -> EncryptionCodec:
    return EncryptionCodec(Keyring(active, keys))


async def test_what_was_encrypted_comes_back_and_shows_nothing_meanwhile() -> None:
    first, second = await codec("old", old=OLD).encode([PLAIN, PLAIN])
    assert PLAIN.data not in first.SerializeToString()
    assert b"json" not in first.SerializeToString()
    assert first.data != second.data
    assert await codec("new", old=OLD, new=NEW).decode([first, second]) == [PLAIN, PLAIN]


async def test_what_is_written_is_what_workflows_that_run_have_in_their_histories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = codec("k1", k1=bytes(32))
    assert await there.decode([WRITTEN]) == [PLAIN]
    monkeypatch.setattr(secrets, "token_bytes", lambda count: bytes(range(count)))
    assert await there.encode([PLAIN]) == [WRITTEN]


async def test_old_key_decrypts_after_a_rotation() -> None:
    encrypted = await codec("old", old=OLD).encode([PLAIN])
    rotated = codec("new", old=OLD, new=NEW)
    assert await rotated.decode(encrypted) == [PLAIN]
    assert (await rotated.encode([PLAIN]))[0].metadata["payera-key-id"] == b"new"


async def test_missing_key_and_wrong_key_are_refused() -> None:
    encrypted = await codec("old", old=OLD).encode([PLAIN])
    with pytest.raises(CodecError, match="not in the keyring"):
        await codec("new", new=NEW).decode(encrypted)
    with pytest.raises(CodecError, match="not what was encrypted"):
        await codec("old", old=NEW).decode(encrypted)


async def test_changed_payload_is_refused() -> None:
    there = codec("old", old=OLD, new=OLD)
    [sealed] = await there.encode([PLAIN])
    for changed in (
        Payload(metadata=sealed.metadata, data=sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])),
        Payload(metadata={**sealed.metadata, "payera-key-id": b"new"}, data=sealed.data),
        Payload(metadata=sealed.metadata, data=b"short"),
    ):
        with pytest.raises(CodecError, match="not what was encrypted"):
            await there.decode([changed])


async def test_payload_that_is_not_encrypted_is_refused() -> None:
    with pytest.raises(CodecError, match="not encrypted"):
        await codec("old", old=OLD).decode([PLAIN])
