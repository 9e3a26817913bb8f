"""The router reads payments that were made at the gateway over mTLS, and nobody else does."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from payera.history.v1 import history_service_pb2 as messages
from payera.history.v1 import history_service_pb2_grpc as stubs

from gateway_svc.adapters.grpc.history_service import SERVICE, HistoryServicer
from gateway_svc.application.payment_history import ReadHistory
from gateway_svc.application.ports import Operation
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from gateway_svc.domain.stored_credentials import CredentialReason, Initiator, StoredCredential
from gateway_svc.domain.three_ds import ThreeDsResult
from mesh.channels import open_channel
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from router_svc.adapters.gateway.payment_history import GrpcPaymentHistory
from router_svc.domain.facts import PaymentFacts
from router_svc.domain.priorities import MerchantId
from router_svc.domain.simulation import PastPayment
from tests.contract.payment_stores import new_payment
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.gateway.payment_history import FakePaymentHistory
from tests.fakes.gateway.payment_store import FakePaymentStore
from tests.fakes.log import FakeLog
from tests.support.certificates import CertificateAuthority
from tests.support.mesh_server import refused

pytestmark = pytest.mark.integration

MERCHANT = MerchantId("mer_1")
SECONDS = 20
CARD = {"brand": "visa", "last4": "1111", "bin": "411111", "funding": "unknown", "issuer_country": "FR"}
DECLINED = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.DECLINED, code="lost_card")
APPROVED = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.AUTHORIZED, psp_reference="psp_1")


@dataclass(slots=True)
class Mesh:
    """A gateway with a store in memory, and the channels of those who call it."""

    store: FakePaymentStore
    router: grpc.aio.Channel
    worker: grpc.aio.Channel

    async def pay(self, verdict: AttemptVerdict | None, **changes: object) -> str:
        new = new_payment(**changes)
        await self.store.begin_payment(Operation(MERCHANT, new.id, b"", 1_000), new)
        if verdict is not None:
            await self.store.record_attempt(new.id, f"{new.id}_1", verdict, asked=False)
        return new.id

    def time(self) -> tuple[datetime, datetime]:
        now = datetime.fromtimestamp(self.store.now_us / 1_000_000, UTC)
        return now - timedelta(days=1), now + timedelta(days=1)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    authority = CertificateAuthority()
    tls = authority.write(tmp_path / "server", "gateway_svc")
    settings = BaseSettings(environment="dev", listen="127.0.0.1:0", tls_directory=tls)
    server = MeshServer(
        settings, logger=FakeLog().logger, metrics=Metrics("gateway_svc"), authenticator=FakeAuthenticator()
    )
    store = FakePaymentStore(merchants={MERCHANT})
    servicer = HistoryServicer(ReadHistory(FakePaymentHistory(store)))
    server.add(SERVICE, lambda target: stubs.add_HistoryServiceServicer_to_server(servicer, target))
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channels = []
        for caller in ("router_svc", "gateway_worker"):
            own = authority.write(tmp_path / caller, caller)
            channel = open_channel(f"127.0.0.1:{server.port}", service="gateway_svc", tls_directory=own)
            stack.push_async_callback(channel.close)
            channels.append(channel)
        yield Mesh(store, *channels)


async def test_payments_are_read_in_the_words_of_routing(mesh: Mesh) -> None:
    began = mesh.store.now_us
    ids = [
        await mesh.pay(APPROVED, card=CARD, metadata={"shop": "berlin"}, amount=4200),
        await mesh.pay(DECLINED, card={"brand": "unknown"}, metadata={}),
        await mesh.pay(None, metadata={}),
    ]
    history = GrpcPaymentHistory(mesh.router)
    open_one, declined, approved = (await history.page(MERCHANT, *mesh.time(), 500, ""))[0]
    assert [each.facts.payment_id for each in (approved, declined, open_one)] == ids
    assert [each.approved for each in (approved, declined, open_one)] == [True, False, None]
    assert began <= approved.facts.at.timestamp() * 1_000_000 <= mesh.store.now_us
    facts = PaymentFacts(
        merchant_id=MERCHANT,
        payment_id=ids[0],
        amount=4200,
        currency="EUR",
        at=approved.facts.at,
        brand="visa",
        bin="411111",
        issuer_country="FR",
        metadata={"shop": "berlin"},
    )
    assert approved == PastPayment(facts, "psp_a", approved=True)
    assert (declined.facts.brand, declined.facts.funding, declined.first_account) == ("unknown", "", "psp_a")


async def test_who_started_a_payment_and_what_was_done_before_is_read(mesh: Mesh) -> None:
    await mesh.pay(None, stored_credential=StoredCredential(Initiator.MERCHANT, CredentialReason.NO_SHOW, "nti0123456"))
    await mesh.pay(None, three_ds=ThreeDsResult("2.2.0", "U", "07"))
    await mesh.pay(None)
    found, _ = await GrpcPaymentHistory(mesh.router).page(MERCHANT, *mesh.time(), 500, "")
    assert [(each.facts.initiator, each.facts.three_ds) for each in found] == [
        ("customer", "none"),
        ("customer", "external"),
        ("merchant", "none"),
    ]


async def test_pages_follow_each_other(mesh: Mesh) -> None:
    ids = [await mesh.pay(None) for _ in range(5)]
    history = GrpcPaymentHistory(mesh.router)
    time = mesh.time()
    found: list[str] = []
    token = ""
    for _ in range(3):
        page, token = await history.page(MERCHANT, *time, 2, token)
        found += [each.facts.payment_id for each in page]
    assert (found, token) == (ids[::-1], "")
    assert await history.page(MerchantId("mer_2"), *time, 2, "") == ([], "")


async def test_the_router_alone_reads_them(mesh: Mesh) -> None:
    await mesh.pay(None)
    with pytest.raises(Refusal) as caught:
        await GrpcPaymentHistory(mesh.worker).page(MERCHANT, *mesh.time(), 2, "")
    assert caught.value.reason is Reason.UNAVAILABLE
    stub = stubs.HistoryServiceStub(mesh.worker)
    request = messages.ListRoutedPaymentsRequest(merchant_id=MERCHANT, begin_time={}, end_time={}, page_size=1)
    _, refusal = await refused(stub.ListRoutedPayments(request, timeout=SECONDS))
    assert refusal.reason is Reason.CALLER_NOT_ALLOWED


@pytest.mark.parametrize(
    "changes", [{"page_size": 501}, {"page_size": 0}, {"merchant_id": ""}, {"begin_time": None}, {"end_time": None}]
)
async def test_what_breaks_the_contract_is_refused(mesh: Mesh, changes: dict[str, object]) -> None:
    good: dict[str, object] = {"merchant_id": MERCHANT, "begin_time": {}, "end_time": {}, "page_size": 1}
    stub = stubs.HistoryServiceStub(mesh.router)
    request = messages.ListRoutedPaymentsRequest(**good | changes)  # type: ignore[arg-type]
    _, refusal = await refused(stub.ListRoutedPayments(request, timeout=SECONDS))
    assert (refusal.reason, refusal.metadata["field"]) == (Reason.INVALID_FIELD, next(iter(changes)))
