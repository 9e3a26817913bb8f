"""Gives a new stack a merchant with keys and routes, so that the first payment can be tried at once."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from devstack.configuration import Configuration, write_private
from devstack.errors import StackError
from devstack.names import DEFAULT_PRIORITIES, OPERATOR_IDENTITY, PortName
from devstack.rest import Rest, expect_ok

KEY_BYTES: Final = 24
KEY_PREFIX_LENGTH: Final = 12
CALL_SECONDS: Final = 10
TEST_CARD: Final = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


@dataclass(frozen=True, slots=True)
class SeededMerchant:
    """The merchant a new stack comes with; the keys are for development only."""

    merchant_id: str
    secret_key: str = field(repr=False)
    publishable_key: str = field(repr=False)
    operator_key: str = field(repr=False)


def seed(configuration: Configuration) -> SeededMerchant:
    """Create the merchant, its keys and its routes; called when no merchant is remembered yet."""
    operator_key = f"ok_test_{secrets.token_urlsafe(KEY_BYTES)}"
    _register_operator_key(configuration, operator_key)
    operator = Rest(configuration.rest_url, operator_key)
    merchant = expect_ok(
        operator.post("/v1/merchants", {"name": "Development merchant"}, money=False), "creating the merchant"
    )
    path = f"/v1/merchants/{merchant['id']}/api_keys"
    keys = {
        scope: expect_ok(operator.post(path, {"scope": scope}, money=False), "creating an API key")["key"]
        for scope in ("SECRET", "PUBLISHABLE")
    }
    set_priorities(configuration, merchant["id"], DEFAULT_PRIORITIES)
    return SeededMerchant(merchant["id"], keys["SECRET"], keys["PUBLISHABLE"], operator_key)


def merchant_at(configuration: Configuration, operator_key: str, name: str, accounts: Sequence[str]) -> str:
    """Create a merchant whose payments go to these PSP accounts, best first; return its secret key."""
    operator = Rest(configuration.rest_url, operator_key)
    merchant = expect_ok(operator.post("/v1/merchants", {"name": name}, money=False), "creating the merchant")
    path = f"/v1/merchants/{merchant['id']}/api_keys"
    key = expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "creating an API key")["key"]
    set_priorities(configuration, merchant["id"], accounts)
    return str(key)


def first_payment(configuration: Configuration, merchant: SeededMerchant) -> None:
    """Make one payment through REST; raise StackError when it is not approved."""
    rest = Rest(configuration.rest_url, merchant.secret_key)
    token = expect_ok(rest.post("/v1/tokens", {"card": TEST_CARD}, money=False), "creating a token")
    payment = expect_ok(
        rest.post("/v1/payments", {"amount": {"value": 1000, "currency": "EUR"}, "token": token["id"]}),
        "the first payment",
    )
    if payment["status"] != "SUCCEEDED":
        message = f"the first payment is {payment['status']}, not SUCCEEDED"
        raise StackError(message, "see the logs: payera logs gateway, payera logs connectors")


def _register_operator_key(configuration: Configuration, key: str) -> None:
    import psycopg

    from mesh.identifiers import new_id

    digest = hashlib.sha256(key.encode()).digest()
    with psycopg.connect(configuration.administrator_url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(
            "SELECT gateway.ensure_operator_key(%s, %s, %s)", (new_id("key"), key[:KEY_PREFIX_LENGTH], digest)
        )


def set_priorities(configuration: Configuration, merchant_id: str, accounts: Sequence[str]) -> None:
    """Say to which PSP accounts a merchant's payments go, best first."""
    import grpc
    from payera.router.v1 import router_service_pb2, router_service_pb2_grpc

    from mesh.identity import Identity

    credentials = Identity(configuration.tls_directory(OPERATOR_IDENTITY)).channel_credentials()
    options = [("grpc.ssl_target_name_override", "router_svc.payera.internal")]
    priorities = [router_service_pb2.Priority(account=account) for account in accounts]
    request = router_service_pb2.SetPrioritiesRequest(merchant_id=merchant_id, priorities=priorities)
    with grpc.secure_channel(configuration.address(PortName.ROUTER), credentials, options=options) as channel:
        router_service_pb2_grpc.RouterServiceStub(channel).SetPriorities(request, timeout=CALL_SECONDS)


def remembered_merchant(configuration: Configuration) -> SeededMerchant | None:
    """Return the merchant seeded before, None when there is none."""
    try:
        return SeededMerchant(**json.loads(configuration.merchant_file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def ensure_merchant(configuration: Configuration) -> SeededMerchant:
    """Return the remembered merchant, else seed one and remember it in `merchant.json` (mode 600)."""
    known = remembered_merchant(configuration)
    if known is not None:
        return known
    merchant = seed(configuration)
    write_private(configuration.merchant_file, (json.dumps(asdict(merchant), indent=2) + "\n").encode())
    return merchant
