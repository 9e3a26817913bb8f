"""docs/pci.md names files and tests that are there, and each requirement once."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "pci.md"
CELL = re.compile(r"`([^`]+)`")
ROW = re.compile(r"^\| ([0-9][0-9.]*(?:, [0-9][0-9.]*)*) \|")
#: What of the standard software can meet, or prepare.
REQUIREMENTS = {
    *("3.2.1", "3.3.1", "3.3.2", "3.4.1", "3.4.2", "3.5.1", "3.5.1.1", "3.5.1.2", "3.6.1", "3.6.1.1", "3.7.1"),
    *("3.7.4", "3.7.5", "3.7.6", "3.7.7", "3.7.8", "3.7.9", "4.2.1", "6.2.4", "6.3.2", "6.4.1", "6.4.2", "6.4.3"),
    *("6.5.6", "7.2.5", "7.3.1", "8.2", "8.3", "8.4", "8.6.2", "10.2.1", "10.2.2", "10.3.2", "10.3.4", "10.4.1"),
    *("10.5.1", "10.6", "11.6.1", "12.3.3", "12.5.2", "12.10.7"),
}


def named(text: str) -> list[str]:
    return [name for name in CELL.findall(text) if "/" in name or name.endswith((".lock", ".toml"))]


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = ast.walk(tree)
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def missing(text: str) -> list[str]:
    """Give what the text names and the tree does not have."""
    wrong = []
    for name in named(text):
        if name.startswith(("make ", "payera ")):
            continue
        path, _, test = name.partition("::")
        if not (ROOT / path).exists() or (test and test not in functions(ROOT / path)):
            wrong.append(name)
    return wrong


def test_everything_that_the_page_names_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(named(text)) > 30
    assert missing(text) == []


@pytest.mark.parametrize(
    "planted",
    ["`tests/e2e/test_gone.py`", "`tests/e2e/test_leaks.py::test_that_is_not_there`", "`docs/gone.md`"],
)
def test_a_name_that_is_gone_is_found(planted: str) -> None:
    assert missing(f"| 3.1 | x | {planted} |") == [planted.strip("`")]


def test_every_requirement_stands_on_the_page_once() -> None:
    rows = [found[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if (found := ROW.match(line))]
    listed = [requirement for row in rows for requirement in row.split(", ")]
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) == REQUIREMENTS


def test_every_row_of_what_is_met_names_a_test() -> None:
    met = PAGE.read_text(encoding="utf-8").split("## Met, and shown")[1].split("## Prepared")[0]
    for line in met.splitlines():
        if ROW.match(line):
            assert any(name.startswith("tests/") for name in named(line)), line


def test_every_dependency_is_locked_with_its_hash() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert len(pinned) > 50
    for place, line in enumerate(lines):
        if line in pinned:
            assert "==" in line, line
            assert "--hash=sha256:" in lines[place + 1], line
    archives = tomllib.loads((ROOT / "jgo.lock.toml").read_text(encoding="utf-8"))
    assert archives
