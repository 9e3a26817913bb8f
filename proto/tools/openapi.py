"""Writes the OpenAPI document of Payera's public API from the descriptor set.

Usage: ``python proto/tools/openapi.py [--descriptors FILE] [--output FILE]``.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from reference.contracts import DESCRIPTOR_PATH, ROOT
from reference.document import build


def write_openapi(descriptor_path: Path, output: Path) -> None:
    """Write the document of the contracts in `descriptor_path` to `output`; equal contracts give equal bytes.

    Raises ValueError or KeyError when something public would come out undocumented.
    """
    document = build(descriptor_path)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--descriptors", type=Path, default=DESCRIPTOR_PATH)
    parser.add_argument("--output", type=Path, default=ROOT / "gen" / "openapi.json")
    arguments = parser.parse_args()
    write_openapi(arguments.descriptors, arguments.output)


if __name__ == "__main__":
    main()
