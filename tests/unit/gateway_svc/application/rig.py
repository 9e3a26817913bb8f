"""The gateway's use cases over fakes, with a clock that stands still unless told."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway_svc.application.budget import Timing
from gateway_svc.application.calls import MoneyCall
from gateway_svc.application.create_payment import CreatePayment, PaymentWish
from gateway_svc.application.inline_driver import Answer, Environment, InlineDriver
from gateway_svc.application.keep_tokens import KeepToken, TellAtOnce
from gateway_svc.application.modify_payment import ModificationWish, ModifyPayment
from gateway_svc.application.sections import CriticalSections
from gateway_svc.domain.payment import CaptureMethod, ModificationKind
from gateway_svc.domain.stored_credentials import StoredCredential
from gateway_svc.domain.three_ds import ThreeDsResult
from mesh.crashpoints import CrashPoints
from mesh.identifiers import new_id
from tests.fakes.gateway.payment_store import FakePaymentStore
from tests.fakes.gateway.peers import (
    FakeCardTokens,
    FakeClock,
    FakeDurableDriver,
    FakeLogger,
    FakePspConnectors,
    FakeRouter,
    FakeTokenVault,
)

MERCHANT = "mer_01ARZ3NDEKTSV4RRFFQ69G5FAV"
TOKEN = "tok_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@dataclass
class Rig:
    """Everything a test may turn and look at."""

    crash_directory: Path | None = None
    timing: Timing = field(default_factory=Timing)
    sections_max: int = 256
    clock: FakeClock = field(default_factory=FakeClock)
    connectors: FakePspConnectors = field(default_factory=FakePspConnectors)
    router: FakeRouter = field(default_factory=FakeRouter)
    tokens: FakeCardTokens = field(default_factory=lambda: FakeCardTokens({TOKEN}))
    vault: FakeTokenVault = field(default_factory=FakeTokenVault)
    durable: FakeDurableDriver = field(default_factory=FakeDurableDriver)
    logger: FakeLogger = field(default_factory=FakeLogger)

    def __post_init__(self) -> None:
        self.store = FakePaymentStore(merchants={MERCHANT}, clock=self.clock.monotonic)
        self.sections = CriticalSections(self.logger, sections_max=self.sections_max)
        crash_points = CrashPoints(self.crash_directory)
        environment = Environment(self.timing, crash_points, self.logger, self.clock.monotonic, self.clock.sleep)
        driver = InlineDriver(self.store, self.sections, environment)
        self.keep = KeepToken(
            vault=self.vault,
            store=self.store,
            after_keep=lambda: crash_points.reach("gateway.after_keep"),
            logger=self.logger,
        )
        self.tell = TellAtOnce(self.keep, self.sections)
        self.create = CreatePayment(
            driver=driver,
            store=self.store,
            tokens=self.tokens,
            router=self.router,
            connectors=self.connectors,
            durable=self.durable,
            tell=self.tell,
        )
        self.modify = ModifyPayment(driver=driver, store=self.store, connectors=self.connectors, durable=self.durable)

    def call(self, key: str = "", *, seconds: float = 15, body: bytes = b"body") -> MoneyCall:
        return MoneyCall(MERCHANT, key or new_id("key"), hashlib.sha256(body).digest(), self.clock.now + seconds)

    async def pay(
        self,
        key: str = "",
        *,
        seconds: float = 15,
        manual: bool = False,
        store_card: bool = False,
        return_url: str = "",
        stored_credential: StoredCredential | None = None,
        three_ds: ThreeDsResult | None = None,
    ) -> Answer:
        method = CaptureMethod.MANUAL if manual else CaptureMethod.AUTOMATIC
        wish = PaymentWish(1050, "EUR", TOKEN, capture_method=method, store_card=store_card, return_url=return_url)
        wish = replace(wish, stored_credential=stored_credential, three_ds=three_ds)
        return await self.create.execute(self.call(key, seconds=seconds), wish)

    async def paid(self, *, manual: bool = False) -> str:
        """Give the id of a payment that went through, with nothing of it left in the fakes' notes."""
        answer = await self.pay(manual=manual)
        self.connectors.sent.clear()
        self.store.calls.clear()
        return str(answer.view["id"])

    async def change(
        self, kind: ModificationKind, payment_id: str, key: str = "", *, amount: int | None = None
    ) -> Answer:
        return await self.modify.execute(self.call(key), ModificationWish(kind, payment_id, amount))

    @property
    def only_payment(self) -> str:
        [payment_id] = self.store.payments
        return payment_id
