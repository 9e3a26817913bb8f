"""The core and its contracts know no PSP: what one PSP calls its things stays in its connector and its dialect."""

import re
from pathlib import Path

import pytest

from psp_connectors.connectors.registry import CONNECTORS

ROOT = Path(__file__).resolve().parents[2]
#: What the gateway, the router, the vault and the connectors' own domain are made of, and the contracts between them.
CORE = (
    "proto/payera",
    "gateway_svc",
    "router_svc",
    "vault_svc",
    "psp_connectors/domain",
    "psp_connectors/application",
    "sql",
)
#: What PSPs call their own things; a term of the field, such as `reference`, is nobody's.
WORDS = (
    "payment_intent",
    "setup_intent",
    "client_secret",
    "merchant_account",
    "merchantAccount",
    "pspReference",
    "shopper_reference",
    "shopperReference",
    "processing_channel_id",
    "purchase_unit",
    "paypal_request_id",
    "payer_id",
    "balance_transaction",
)
NAMES = tuple(sorted(set(CONNECTORS) - {"sandbox"}))
#: Comments and docstrings may name a PSP as an example; identifiers, fields and texts of the code may not.
PROSE = re.compile(r'"""(?:.|\n)*?"""|#[^\n]*|//[^\n]*|--[^\n]*')
SUFFIXES = {".py", ".proto", ".sql"}


def psp_words(folder: Path) -> list[str]:
    """Give file, line number and word of everything below `folder` that only one PSP knows."""
    pattern = re.compile(
        "|".join(rf"(?<![a-zA-Z0-9]){word}(?![a-zA-Z0-9])" for word in (*WORDS, *NAMES)), re.IGNORECASE
    )
    found = []
    for path in sorted(path for root in CORE for path in (folder / root).rglob("*") if path.suffix in SUFFIXES):
        code = PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), path.read_text(encoding="utf-8"))
        for number, line in enumerate(code.splitlines(), 1):
            found += [f"{path.relative_to(folder)}:{number}: {match[0]}" for match in pattern.finditer(line)]
    return found


def test_no_file_of_the_core_names_a_psp() -> None:
    assert psp_words(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("proto/payera/connectors/v1/connector_service.proto", "message Planted { string payment_intent = 1; }"),
        ("proto/payera/types/v1/outcome.proto", "message Planted { string stripe_id = 1; }"),
        ("psp_connectors/domain/operations.py", "merchant_account: str = ''"),
        ("gateway_svc/domain/core.py", "if account.connector == 'adyen': pass"),
        ("gateway_svc/domain/payment.py", "paypal_request_id = 1"),
        (
            "sql/gateway/migrations/9999_planted.sql",
            "ALTER TABLE gateway.payment ADD COLUMN processing_channel_id text;",
        ),
    ],
)
def test_a_planted_word_of_one_psp_is_found(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    source = ROOT / file
    text = source.read_text(encoding="utf-8") if source.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    [found] = psp_words(tmp_path)
    assert found.startswith(f"{file}:")


def test_an_example_in_a_comment_is_no_breach(tmp_path: Path) -> None:
    path = tmp_path / "gateway_svc" / "planted.py"
    path.parent.mkdir(parents=True)
    path.write_text('"""As Stripe\'s payment_intent."""\n# Adyen has none\nvalue = 1\n', encoding="utf-8")
    assert psp_words(tmp_path) == []
