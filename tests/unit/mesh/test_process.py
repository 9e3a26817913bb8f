"""A process stops cleanly when told to, and says in one line why it could not start."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from mesh.telemetry import Metrics, serve_metrics

SERVE = """
import asyncio, sys
from mesh.process import run
async def main(stop):
    print("up", flush=True)
    async with asyncio.timeout(60):
        await stop.wait()
    print("stopped", flush=True)
run(main)
"""
FAIL = """
import sys
from mesh.process import run
from mesh.settings import BaseSettings, load
async def main(stop):
    {}
run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)

    assert output == "stopped\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("body", "text", "stack"),
    [
        ("load(BaseSettings, {})", "PAYERA_ENVIRONMENT is not set", False),
        ("raise OSError('the port is taken')", "the port is taken", False),
        ("raise KeyError('x')", "KeyError", True),
    ],
)
def test_a_failure_is_one_line_and_code_1(body: str, text: str, stack: bool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FAIL.format(body)], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert line["level"] == "error"
    assert line["error"] == text
    assert ("exception" in line) is stack
    assert ended.stderr == ""


def test_the_metrics_page_is_served_until_it_is_stopped() -> None:
    metrics = Metrics("gateway_svc")
    metrics.calls.labels("/a/b", "OK").inc()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    stop = serve_metrics(f"127.0.0.1:{port}", metrics)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            page = answer.read().decode()
    finally:
        stop()

    assert 'payera_rpc_calls_total{code="OK",method="/a/b"} 1.0' in page
    assert 'payera_service_info{service="gateway_svc"} 1.0' in page
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)


def test_no_address_means_no_page() -> None:
    serve_metrics("", Metrics("gateway_svc"))()


@pytest.mark.parametrize("listen", ["{taken}", "nonsense", "127.0.0.1:99999", "127.0.0.1:http/2"])
def test_a_metrics_page_that_can_not_be_served_names_its_variable(listen: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = listen.format(taken=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(OSError, match="PAYERA_METRICS_LISTEN"):
            serve_metrics(address, Metrics("gateway_svc"))
