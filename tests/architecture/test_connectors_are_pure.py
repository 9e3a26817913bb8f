"""A connector computes and does nothing else: what it may import and call is listed, everything else is a breach.

The import contracts forbid what is known to do I/O; here is the other half, which also catches what nobody thought of.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = ("psp_connectors/connectors", "psp_connectors/domain")
MODULES = frozenset(
    {
        "base64",
        "binascii",
        "collections.abc",
        "dataclasses",
        "datetime",
        "email.utils",
        "enum",
        "functools",
        "hashlib",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "msgspec",
        "re",
        "string",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
        "zlib",
        "mesh.currencies",
        "mesh.money",
        "psp_connectors",
    }
)
#: Checks a chain of certificates and an RSA signature, in memory.
CRYPTOGRAPHY = "cryptography"
#: Input, output, code that comes from elsewhere, and clocks: the time comes with the webhook's context.
CALLS = frozenset(
    {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
    | {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "dt.datetime.now", "dt.date.today"}
)


def is_allowed(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in (*MODULES, CRYPTOGRAPHY))


def imports_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            # `from urllib import request` names a module as well.
            inner = [f"{module}.{name.name}" for name in names]
            return inner if not is_allowed(module) else []
        case ast.ImportFrom():
            return ["a relative import"]
        case _:
            return []


def breaches(source: str) -> Iterator[str]:
    """Give what a source imports, calls or keeps that a pure function has no use for."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for module in imports_of(node):
            if not is_allowed(module):
                yield f"imports {module}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
            yield f"calls {ast.unparse(node.func)}"
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield f"changes {', '.join(node.names)}"
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield "waits"


def files() -> list[Path]:
    return sorted(path for root in PURE for path in (ROOT / root).rglob("*.py"))


def test_there_are_connectors_to_look_at() -> None:
    folders = {path.parent.name for path in files()}
    assert {"adyen", "checkout", "paypal", "stripe", "sandbox", "domain"} <= folders


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_connectors_import_and_call_what_is_pure(path: Path) -> None:
    assert list(breaches(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import aiohttp",
        "import socket",
        "import requests",
        "import httpcore",
        "import http.client",
        "import urllib.request",
        "from urllib import request",
        "from urllib.request import urlopen",
        "import ssl, json",
        "import subprocess",
        "import os",
        "from pathlib import Path",
        "import asyncio",
        "import time",
        "import random",
        "import secrets",
        "import importlib",
        "import logging",
        "import structlog",
        "import stripe",
        "from payera.types.v1 import outcome_pb2",
        "from . import neighbour",
        "key = open('/etc/passwd').read()",
        "print('4242')",
        "seen = __import__('socket')",
        "now = datetime.now(UTC)",
        "async def build() -> None: ...",
        "def build():\n    global seen\n    seen = 1",
    ],
)
def test_a_planted_breach_is_found(planted: str) -> None:
    path = ROOT / "psp_connectors/connectors/stripe/connector.py"
    assert list(breaches(f"{path.read_text(encoding='utf-8')}\n{planted}\n"))
