"""The time zones of conditions come with the router: a machine that has none of its own judges hours like all others.

Each process reads the folder but once per zone, so that each case is a process.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from router_svc.adapters.cel.time_zones import use_packaged_time_zones

ASK = """
import os
{prepare}
from cel_expr_python import cel
zones = ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "UTC", "Europe/Berln"]
moment = 'timestamp("2030-07-01T22:30:00Z")'
for zone in zones:
    value = cel.NewEnv(variables={{}}).compile(f'{{moment}}.getHours("{{zone}}")').eval()
    print(zone, "none" if value.type() == cel.Type.ERROR else value.plain_value())
"""
PREPARE = """
from router_svc.adapters.cel.time_zones import use_packaged_time_zones
use_packaged_time_zones(os.environ)
"""
ROOT = Path(__file__).resolve().parents[3]


def hours(environment: dict[str, str], prepare: str) -> dict[str, str]:
    """Give the hour of a summer night (UTC) by zone, as a process with this environment reads it."""
    asked = subprocess.run(
        [sys.executable, "-c", ASK.format(prepare=prepare)],
        env={"PYTHONTZPATH": "", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(line.split() for line in asked.stdout.splitlines())


def test_the_packages_zones_are_read_where_the_machine_names_none() -> None:
    assert hours({}, PREPARE) == {
        "Europe/Berlin": "0",
        "America/Sao_Paulo": "19",
        "Asia/Kathmandu": "4",
        "UTC": "22",
        "Europe/Berln": "none",
    }


def test_without_any_zones_a_name_is_refused(tmp_path: Path) -> None:
    """The folder is what decides: otherwise the test above would prove nothing of an image without zones."""
    assert hours({"TZDIR": str(tmp_path)}, PREPARE)["Europe/Berlin"] == "none"


@pytest.mark.parametrize("environment", [{}, {"TZDIR": ""}])
def test_the_package_is_named_unless_something_else_is(environment: dict[str, str]) -> None:
    use_packaged_time_zones(environment)
    assert (Path(environment["TZDIR"]) / "Europe" / "Berlin").is_file()
    other = {"TZDIR": "/zones"}
    use_packaged_time_zones(other)
    assert other == {"TZDIR": "/zones"}
