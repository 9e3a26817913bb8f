"""The PSPs' own material, and the one reason for which a test of this folder may skip."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devstack.descriptions import Description, default_folder, load

ABSENT = "the PSP material at ../shared/psp is not there"
PSPS = ("adyen", "checkout", "paypal", "stripe")

Descriptions = Callable[[str], Description]


def specs_folder() -> Path | None:
    return default_folder()


needs_material = pytest.mark.skipif(specs_folder() is None, reason=ABSENT)


@pytest.fixture(scope="module")
def psp_descriptions() -> Descriptions:
    """Give a PSP's description by name, loaded once in a module; skips when the material is not there."""
    folder = specs_folder()
    if folder is None:
        pytest.skip(ABSENT)
    loaded: dict[str, Description] = {}

    def give(name: str) -> Description:
        if name not in loaded:
            loaded[name] = load(folder, name)
        return loaded[name]

    return give


def vectors_of(psp: str) -> list[Any]:
    """Give the public signature vectors of a PSP as parameters of a test; see the file for what each one holds."""
    folder = specs_folder()
    if folder is None:
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=ABSENT))]
    vectors = json.loads((folder.parent / "vectors" / "webhook_vectors.json").read_text(encoding="utf-8"))
    return [pytest.param(vector, id=vector["case"]) for vector in vectors if vector["psp"] == psp]
