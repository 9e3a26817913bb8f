"""`payera psp new`: the files of a connector that is to be written."""

import re
from pathlib import Path
from string import Template
from typing import Final

import click

from devstack.errors import StackError

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATES: Final = ROOT / "devstack" / "psp_template"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")


@click.command()
@click.argument("name")
@click.option("--title", default="", help="The PSP's name as it writes it; else made of NAME.")
@click.option("--root", default=str(ROOT), type=click.Path(exists=True, file_okay=False), hidden=True)
def new(name: str, title: str, root: str) -> None:
    """Write the files of a connector for the PSP NAME, with tests that fail until it is written."""
    for line in write(Path(root), name, title or name.replace("_", " ").title()):
        click.echo(line)


def write(root: Path, name: str, title: str) -> list[str]:
    """Write the files below `root`, and tell what was written and what comes next; changes nothing when it refuses.

    Raises StackError for a name that is no Python name in lower case, or for a connector that is there.
    """
    if not _NAME.fullmatch(name):
        message = f"{name!r} can't be a connector's name"
        raise StackError(message, "use 2 to 31 of a-z, 0-9 and _, a letter first: payera psp new fat_zebra")
    if '"' in title or "\\" in title or not title.isprintable():
        message = "a title can't hold quotation marks, backslashes or control characters"
        raise StackError(message, 'write it plainly: --title "Fat Zebra"')
    folder = root / "psp_connectors" / "connectors" / name
    tests = {
        "test_connector.py.tmpl": root / "tests" / "contract" / f"test_connector_{name}.py",
        "fake.py.tmpl": root / "tests" / "fakes" / "connectors" / f"{name}.py",
    }
    for path in (folder, *tests.values()):
        if path.exists():
            message = f"{path.relative_to(root)} is there already"
            raise StackError(message, "choose another name, or go on with what is there")
    classname = "".join(part.capitalize() for part in name.split("_"))
    values = {"name": name, "title": title, "constant": name.upper(), "classname": classname}
    files = {template: folder / template.name.removesuffix(".tmpl") for template in _templates("connector")}
    files |= {template: tests[template.name] for template in _templates("tests")}
    for template, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(template.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
    return [
        *(f"wrote {path.relative_to(root)}" for path in files.values()),
        f"next: make test T=tests/contract/test_connector_{name}.py, and docs/adding-a-psp.md from step 2 on",
    ]


def _templates(part: str) -> list[Path]:
    return sorted((TEMPLATES / part).glob("*.tmpl"))
