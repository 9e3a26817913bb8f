"""Keys that seal data at rest are read from no file that others may touch."""

from pathlib import Path

import pytest

from mesh.keyring import KeyringError, create_keyring, load_keyring


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "codec.json"
    create_keyring(path)
    return path


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610, 0o700 | 0o001])
def test_a_keyring_that_others_may_touch_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyringError, match=f"the keyring {path} may be read by others: chmod 600 {path}"):
        load_keyring(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_keyring_that_its_owner_alone_may_read_is_taken(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert load_keyring(path).active == "k1"


def test_a_keyring_that_is_missing_or_huge_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="can't be read: No such file"):
        load_keyring(tmp_path / "none.json")
    path.write_bytes(b" " * 70_000)
    with pytest.raises(KeyringError, match="larger than"):
        load_keyring(path)
