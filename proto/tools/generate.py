"""Generates stubs, descriptor set and OpenAPI document from the contracts under proto/, into gen/ or another folder.

Usage: ``python proto/tools/generate.py [--output FOLDER]``. Needs proto/third_party, which
``python -m devstack.downloads protos`` fills.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import openapi

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
THIRD_PARTY = PROTO / "third_party"


def _protoc(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True, cwd=ROOT, timeout=120)


def generate(output: Path) -> None:
    """Fill ``output`` with stubs for payera.* and buf.validate, and with payera.binpb; replaces what stood there."""
    if not (THIRD_PARTY / "buf" / "validate" / "validate.proto").exists():
        message = "proto/third_party is empty: run `python -m devstack.downloads protos` first"
        raise SystemExit(message)
    for package in ("payera", "buf"):
        shutil.rmtree(output / package, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    contracts = sorted(str(path.relative_to(PROTO)) for path in (PROTO / "payera").rglob("*.proto"))
    services = [name for name in contracts if name.endswith("_service.proto")]
    includes = [f"-I{PROTO}", f"-I{THIRD_PARTY}"]
    rules = "buf/validate/validate.proto"
    _protoc([*includes, f"--python_out={output}", f"--pyi_out={output}", *contracts, rules])
    plugin = f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}"
    _protoc([*includes, plugin, f"--grpc_python_out={output}", f"--mypy_grpc_out={output}", *services])
    details = ["google/rpc/error_details.proto", "google/rpc/status.proto"]
    binary = output / "payera.binpb"
    _protoc(
        [
            *includes,
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={binary}",
            *contracts,
            *details,
        ]
    )
    openapi.write_openapi(binary, output / "openapi.json")


def main() -> None:
    """Parse the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "gen")
    generate(parser.parse_args().output)


if __name__ == "__main__":
    main()
