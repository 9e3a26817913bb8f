"""The import contracts hold, and each of them fails when its layer is breached."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mesh", "gateway_svc", "router_svc", "vault_svc", "psp_connectors", "devstack")

BREACHES = [
    ("gateway_svc/domain/core.py", "import psycopg", "Domain and application do no input or output"),
    ("psp_connectors/domain/planted.py", "import aiohttp", "Domain and application do no input or output"),
    ("psp_connectors/connectors/stripe/planted.py", "import socket", "Domain and application do no input or output"),
    ("gateway_svc/application/views.py", "import grpc", "Domain and application do no input or output"),
    ("router_svc/domain/planted.py", "import cel_expr_python.cel", "Domain and application do no input or output"),
    ("vault_svc/domain/planted.py", "import boto3", "Domain and application do no input or output"),
    ("vault_svc/application/planted.py", "import botocore.session", "Domain and application do no input or output"),
    ("vault_svc/application/import_cards.py", "import joserfc.jwe", "Domain and application do no input or output"),
    ("gateway_svc/domain/core.py", "import gateway_svc.adapters.postgres", "Layers"),
    ("vault_svc/domain/planted.py", "import vault_svc.application", "Layers"),
    ("gateway_svc/adapters/planted.py", "import vault_svc.domain", "Services never import each other"),
    ("gateway_svc/workflows/planted.py", "import payera.events.v1.payment_event_pb2", "Workflows know temporalio"),
    ("mesh/planted.py", "import gateway_svc.domain", "The mesh's plumbing knows no service"),
    ("router_svc/planted.py", "import devstack", "The product knows no development stack"),
]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT / 'gen'}", "COLUMNS": "200"}
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_tree_keeps_every_contract(checkout: Path) -> None:
    result = lint_imports(checkout)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "line", "contract"), BREACHES)
def test_a_planted_breach_is_found(checkout: Path, file: str, line: str, contract: str) -> None:
    path = checkout / file
    before = path.read_text() if path.exists() else None
    try:
        path.write_text(f"{before or ''}\n{line}\n")
        result = lint_imports(checkout)
        assert result.returncode != 0
        broken = [text for text in result.stdout.splitlines() if "BROKEN" in text]
        assert any(contract in text for text in broken), result.stdout
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
