"""Writes docs/errors.md, the page of the error catalogue, from the options of payera.errors.v1.Reason.

Usage: ``python proto/tools/error_catalogue.py [--output FILE]``.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from reference.contracts import DESCRIPTOR_PATH, ROOT, EnumValue, read_contracts
from reference.errors import anchor, catalogue

INTRODUCTION: Final = """\
# Errors

<!-- Written by proto/tools/error_catalogue.py from proto/payera/errors/v1/reason.proto. Change it there. -->

Every call that Payera refuses answers with a `google.rpc.Status`: over gRPC in the status details, over REST as JSON.
Its first detail is a `google.rpc.ErrorInfo` with the domain `payera.dev` and one of the reasons below. Branch on the
reason; the message is for people and may change. Besides the values named below, its metadata holds `remedy`, `doc`
and `request_id`.

A declined payment is no error: it is an ordinary answer with the status `DECLINED`.

*Repeatable* means that the very same call may simply be sent again, with the same `Idempotency-Key` if it had one,
after the time in `Retry-After` (REST) or `google.rpc.RetryInfo` (gRPC).
"""


def render(descriptor_path: Path = DESCRIPTOR_PATH) -> str:
    """Give the page as Markdown: a table of all reasons, then one section per reason, in the catalogue's order."""
    entries = catalogue(read_contracts(descriptor_path))
    lines = [INTRODUCTION, "| reason | HTTP | gRPC | repeatable |", "|---|---|---|---|"]
    for reason, entry in entries.items():
        texts = entry.catalogue
        repeatable = "yes" if texts.retryable else ""
        lines.append(f"| [`{reason}`](#{anchor(reason)}) | {texts.http_status} | `{texts.grpc_code}` | {repeatable} |")
    for reason, entry in entries.items():
        lines += ["", *_section(reason, entry)]
    return "\n".join(lines) + "\n"


def _section(reason: str, entry: EnumValue) -> list[str]:
    texts = entry.catalogue
    gaps = [part.split("}")[0] for part in texts.message.split("{")[1:]]
    named = ", ".join(f"`{gap}`" for gap in gaps) or "nothing more"
    repeatable = ", repeatable" if texts.retryable else ""
    return [
        f'<a id="{anchor(reason)}"></a>',
        "",
        f"## {reason}",
        "",
        f"HTTP {texts.http_status}, gRPC `{texts.grpc_code}`{repeatable}. {entry.comment}",
        "",
        f"- Message: {texts.message}",
        f"- What to do: {texts.remedy}",
        f"- Metadata: {named}",
    ]


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "errors.md")
    parser.parse_args().output.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
