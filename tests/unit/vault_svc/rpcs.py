"""The vault's rpcs with all that guards them, over its ports in memory and without a network."""

import contextlib
import itertools
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from payera.vault.v1 import token_service_pb2 as vault_pb2

from mesh.calls import GuardedRpc, Surroundings
from mesh.context import KeyScope
from mesh.identity import Identity
from mesh.telemetry import Metrics
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.grpc_context import FakeContext
from tests.fakes.log import FakeLog
from tests.fakes.vault.clocks import FakeClock
from tests.support.certificates import CertificateAuthority
from tests.support.vault_database import DatabaseVault
from tests.unit.vault_svc.vaults import MERCHANT, OTHER_MERCHANT, Vault
from vault_svc.adapters.grpc import card_service, token_service

PUBLISHABLE, SECRET, THEIRS, OPERATOR = "pk_test_mine", "sk_test_mine", "sk_test_theirs", "ok_test"
TOKENS = "payera.vault.v1.TokenService"
CARDS = "payera.vault.v1.CardService"


def write_identity(directory: Path) -> Identity:
    """Make the certificate of a vault."""
    return Identity(CertificateAuthority().write(directory, "vault_svc"))


class Refused(Exception):  # noqa: N818 - an answer
    """A call that was refused, with the status that its caller gets."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status
        self.info, self.bad_request, self.retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        for detail in status.details:
            for kind in (self.info, self.bad_request, self.retry):
                detail.Unpack(kind)

    @property
    def reason(self) -> str:
        return str(self.info.reason)

    @property
    def fields(self) -> list[str]:
        return [violation.field for violation in self.bad_request.field_violations]

    @property
    def text(self) -> str:
        """Give everything that the caller can read."""
        return f"{self.status.message} {self.info} {self.bad_request} {self.retry}"


AnyVault = TypeVar("AnyVault", Vault, DatabaseVault)


class Rpcs(Generic[AnyVault]):
    """Calls rpcs as their callers do."""

    def __init__(self, identity: Identity, vault: AnyVault) -> None:
        self.vault: AnyVault = vault
        self.log = FakeLog()
        keys = FakeAuthenticator()
        keys.give(PUBLISHABLE, KeyScope.PUBLISHABLE, merchant_id=MERCHANT)
        keys.give(SECRET, KeyScope.SECRET, merchant_id=MERCHANT)
        keys.give(THEIRS, KeyScope.SECRET, merchant_id=OTHER_MERCHANT)
        keys.give(OPERATOR, KeyScope.OPERATOR, merchant_id="")
        around = Surroundings(identity, self.log.logger, Metrics("vault_svc"), keys, 64)
        tokens = token_service.TokenService(
            token_service.TokenUseCases(
                create=vault.create,
                describe=vault.describe,
                list=vault.list,
                update=vault.update,
                assign=vault.assign,
                delete=vault.delete,
                clock=FakeClock(),
            )
        )
        cards = card_service.CardService(
            describe_token=vault.describe, detokenize=vault.detokenize, make_permanent=vault.make_permanent
        )
        self._rpcs = {
            method.name: (GuardedRpc(method, getattr(servicer, method.name), around), method)
            for service, servicer in ((TOKENS, tokens), (CARDS, cards))
            for method in descriptor_pool.Default().FindServiceByName(service).methods
        }
        self._requests = itertools.count()

    async def call(self, name: str, request: Message, *, caller: str = "envoy", key: str = SECRET) -> Any:
        """Give the answer; raises Refused."""
        rpc, method = self._rpcs[name]
        metadata = {"x-request-id": f"request-{next(self._requests)}", "x-payera-body-fields": ""}
        if caller == "envoy" and key:
            metadata["authorization"] = f"Bearer {key}"
        context = FakeContext(metadata, caller=caller)
        answer = b""
        with contextlib.suppress(grpc.aio.AbortError):
            answer = await rpc.serve(request.SerializeToString(), context)  # type: ignore[arg-type]
        if context.status is not None:
            raise Refused(context.status)
        return getattr(vault_pb2, method.output_type.name).FromString(answer)

    async def create(self, key: str = SECRET, **changes: Any) -> vault_pb2.Token:
        """Make a token."""
        values: dict[str, Any] = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "737"}
        customer_id = changes.pop("customer_id", "")
        request = vault_pb2.CreateTokenRequest(card=vault_pb2.Card(**values | changes), customer_id=customer_id)
        token: vault_pb2.Token = await self.call("CreateToken", request, key=key)
        return token

    async def detokenize(self, token_id: str, payment_id: str = "pay_1", **changes: Any) -> Any:
        """Open a card, as the connectors do."""
        values = {"merchant_id": MERCHANT, "purpose": "authorization", "token_id": token_id, "payment_id": payment_id}
        return await self.call("Detokenize", vault_pb2.DetokenizeRequest(**values | changes), caller="psp_connectors")
