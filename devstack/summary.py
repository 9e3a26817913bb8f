"""Says in text and in JSON what runs where: the end of `payera up`, and `payera status`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from devstack.configuration import DATABASE, Configuration
from devstack.lifecycle import ComponentStatus
from devstack.names import PortName
from devstack.seed import SeededMerchant

TEST_CARD: Final = '{"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}}'
SECONDS_PER_HOUR: Final = 3600


def addresses(configuration: Configuration) -> dict[str, str]:
    """Return the addresses a person wants to open, by their plain name."""
    return {
        "REST API": configuration.rest_url,
        "API reference": f"{configuration.rest_url}/docs",
        "Temporal UI": f"http://{configuration.address(PortName.TEMPORAL_UI)}",
        "Kafka bootstrap": configuration.address(PortName.KAFKA),
        "PostgreSQL": f"{configuration.address(PortName.POSTGRES)}/{DATABASE}",
        "Sandbox PSP": configuration.sandbox_url,
        "Data and logs": str(configuration.home),
    }


def keys(merchant: SeededMerchant | None) -> dict[str, str]:
    """Return the seeded merchant's id and keys, by their plain name."""
    if merchant is None:
        return {}
    return {
        "Merchant": merchant.merchant_id,
        "Secret key": merchant.secret_key,
        "Publishable key": merchant.publishable_key,
        "Operator key": merchant.operator_key,
    }


def curl_lines(configuration: Configuration, merchant: SeededMerchant | None) -> tuple[str, ...]:
    """Return three commands to paste one after the other: a token, a payment with it, and the payment read again."""
    if merchant is None:
        return ()
    url = configuration.rest_url
    json_header = "-H 'Content-Type: application/json'"
    secret = f"-H 'Authorization: Bearer {merchant.secret_key}'"
    payment = '{"amount": {"value": 1999, "currency": "EUR"}, "token": "\'$TOKEN\'"}'
    return (
        (
            f"TOKEN=$(curl -s {url}/v1/tokens -H 'Authorization: Bearer {merchant.publishable_key}' {json_header} "
            f"-d '{TEST_CARD}' | {_id('tok')})"
        ),
        (
            f"PAYMENT=$(curl -s {url}/v1/payments {secret} {json_header} "
            f"-H \"Idempotency-Key: $TOKEN\" -d '{payment}' | {_id('pay')})"
        ),
        f"curl -s {url}/v1/payments/$PAYMENT {secret}",
    )


def _id(prefix: str) -> str:
    return f"grep -o '{prefix}_[0-9A-Z]*' | head -1"


def as_json(
    configuration: Configuration, merchant: SeededMerchant | None, components: Sequence[ComponentStatus]
) -> dict[str, Any]:
    """Return everything `payera status --json` prints."""
    return {
        "home": str(configuration.home),
        "addresses": addresses(configuration),
        "ports": {name.value: port for name, port in configuration.ports.items()},
        "merchant": asdict(merchant) if merchant else None,
        "components": [_component(status) for status in components],
        "memory_mb": round(sum(status.memory_mb for status in components), 1),
    }


def as_lines(
    configuration: Configuration, merchant: SeededMerchant | None, components: Sequence[ComponentStatus]
) -> list[str]:
    """Return the lines of `payera status`."""
    lines = [f"{'component':<12} {'state':<10} {'pid':>7} {'memory':>9} {'up':>9}  address"]
    for status in components:
        pid = str(status.pid) if status.pid else "-"
        memory = f"{status.memory_mb:.0f} MB" if status.pid else "-"
        address = next(iter(status.addresses.values()), "")
        up = _duration(status.uptime_seconds) if status.pid else "-"
        lines.append(f"{status.name:<12} {status.state:<10} {pid:>7} {memory:>9} {up:>9}  {address}")
    total = sum(status.memory_mb for status in components)
    lines += [f"{'total':<12} {'':<10} {'':>7} {total:>6.0f} MB", ""]
    return lines + named_lines(addresses(configuration) | keys(merchant))


def named_lines(values: dict[str, str]) -> list[str]:
    """Return aligned `name  value` lines."""
    return [f"{name:<16} {value}" for name, value in values.items()]


def _component(status: ComponentStatus) -> dict[str, Any]:
    return {
        "name": status.name.value,
        "state": status.state,
        "pid": status.pid,
        "memory_mb": round(status.memory_mb, 1),
        "uptime_seconds": round(status.uptime_seconds, 1),
        "addresses": dict(status.addresses),
    }


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole >= SECONDS_PER_HOUR:
        return f"{whole // SECONDS_PER_HOUR} h {whole % SECONDS_PER_HOUR // 60:02d} m"
    return f"{whole // 60} m {whole % 60:02d} s"
