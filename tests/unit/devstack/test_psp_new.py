"""`payera psp new` writes files that fit into the project, or nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.psp.new import ROOT, write


@pytest.mark.parametrize("name", ["fat_zebra", "ab", "a" * 31])
def test_the_files_are_in_shape_and_name_the_psp(tmp_path: Path, name: str) -> None:
    lines = write(tmp_path, name, "Fat Zebra")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert [f"wrote {path}" for path in files] == sorted(line for line in lines if line.startswith("wrote "))
    assert f"psp_connectors/connectors/{name}/connector.py" in files
    assert f"tests/contract/test_connector_{name}.py" in files
    assert f"tests/fakes/connectors/{name}.py" in files
    for path in files:
        text = (tmp_path / path).read_text(encoding="utf-8")
        compile(text, path, "exec")
        assert "$" not in text
        assert "Fat Zebra" in text
        # As if the file stood in the project, whose rules differ by folder; there its package would be known as ours.
        for command in (["check", "--extend-ignore", "INP001,I001"], ["format", "--check"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(ROOT / path), "-"],
                input=text,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "Fat", "1st", "a", "fat-zebra", "../x", "é", "a" * 32])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="can't be a connector's name"):
        write(tmp_path, name, "Title")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("title", ['Fat "Zebra"', "Fat\nZebra", "Fat\\Zebra"])
def test_a_title_that_would_break_the_files_is_refused(tmp_path: Path, title: str) -> None:
    with pytest.raises(StackError, match="title"):
        write(tmp_path, "fat_zebra", title)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path, "fat_zebra", "Fat Zebra")
    kept = tmp_path / "psp_connectors" / "connectors" / "fat_zebra" / "codes.py"
    kept.write_text("mine", encoding="utf-8")
    with pytest.raises(StackError, match="is there already"):
        write(tmp_path, "fat_zebra", "Fat Zebra")
    assert kept.read_text(encoding="utf-8") == "mine"
