"""Imports the generators, which are scripts and no installed package."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
TOOLS: Final = ROOT / "proto" / "tools"
DESCRIPTORS: Final = ROOT / "gen" / "payera.binpb"


def tool(name: str) -> ModuleType:
    """Import a module below proto/tools by its dotted name."""
    if str(TOOLS) not in sys.path:
        sys.path.insert(0, str(TOOLS))
    return importlib.import_module(name)
