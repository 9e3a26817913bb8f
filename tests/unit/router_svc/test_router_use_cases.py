"""Lists at hand for five seconds, the default for merchants that have none."""

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.settings import SettingsError, load
from router_svc.application.ports.priority_store import Change
from router_svc.application.priority_lists import LIST_LIFE_SECONDS, PriorityLists
from router_svc.application.route_payment import RoutePayment
from router_svc.domain.priorities import MerchantId, Priority, default_list
from router_svc.settings import RouterSettings
from tests.fakes.router.priority_store import FakePriorityStore
from tests.fakes.vault.clocks import FakeMonotonic

MERCHANT = MerchantId("mer_1")
CHANGE = Change("operator", "req_1")


class Router:
    """The use cases over a store in memory, as one process has them."""

    def __init__(self, store: FakePriorityStore | None = None) -> None:
        self.store = store or FakePriorityStore()
        self.monotonic = FakeMonotonic()
        self.lists = PriorityLists(store=self.store, default=default_list(("fallback",)), monotonic=self.monotonic)
        self._route_payment = RoutePayment(self.lists)

    async def route(self) -> tuple[list[str], int]:
        route = await self._route_payment(MERCHANT, currency="EUR", brand="visa")
        return [candidate.account for candidate in route.candidates], route.list_version


async def test_a_merchant_without_a_list_is_routed_by_the_default_one() -> None:
    router = Router()
    assert await router.route() == (["fallback"], 0)
    assert await router.lists.get(MERCHANT) is None


async def test_a_set_list_decides_at_once_in_the_process_that_set_it() -> None:
    router = Router()
    await router.route()
    assert await router.lists.set(MERCHANT, (Priority("a"), Priority("b")), CHANGE) == 1
    assert await router.route() == (["a", "b"], 1)
    assert await router.lists.set(MERCHANT, (Priority("b"),), CHANGE) == 2
    assert await router.route() == (["b"], 2)


async def test_a_list_set_elsewhere_decides_within_five_seconds() -> None:
    router = Router()
    other = Router(router.store)
    await router.route()
    await other.lists.set(MERCHANT, (Priority("a"),), CHANGE)
    assert await router.route() == (["fallback"], 0)
    router.monotonic.seconds += LIST_LIFE_SECONDS
    assert await router.route() == (["a"], 1)
    assert LIST_LIFE_SECONDS <= 5.0


async def test_many_payments_of_one_merchant_read_its_list_once() -> None:
    router = Router()
    for _ in range(10):
        await router.route()
    assert router.store.reads == 1


async def test_a_list_at_hand_routes_while_the_store_is_down_and_none_refuses() -> None:
    router = Router()
    await router.lists.set(MERCHANT, (Priority("a"),), CHANGE)
    await router.route()
    router.store.down = True
    assert await router.route() == (["a"], 1)
    router.monotonic.seconds += LIST_LIFE_SECONDS
    with pytest.raises(Refusal) as refused:
        await router.route()
    assert refused.value.reason is Reason.UNAVAILABLE
    router.store.down = False
    assert await router.route() == (["a"], 1)


async def test_a_list_that_may_not_be_set_changes_nothing() -> None:
    router = Router()
    await router.lists.set(MERCHANT, (Priority("a"),), CHANGE)
    with pytest.raises(Refusal):
        await router.lists.set(MERCHANT, (Priority("b"), Priority("b")), CHANGE)
    assert await router.route() == (["a"], 1)


def settings(**variables: str) -> RouterSettings:
    required = {"PAYERA_ENVIRONMENT": "dev", "PAYERA_DATABASE_URL": "postgresql://127.0.0.1/payera"}
    return load(RouterSettings, required | variables)


def test_default_accounts_come_from_the_environment() -> None:
    assert settings().default_accounts() == ()
    assert settings(PAYERA_DEFAULT_PRIORITIES="sandbox_a").default_accounts() == ("sandbox_a",)
    assert settings(PAYERA_DEFAULT_PRIORITIES=" b , a,").default_accounts() == ("b", "a")


@pytest.mark.parametrize("text", ["Sandbox", "a b", "a,a", "1a", ",".join(f"a{number}" for number in range(51))])
def test_wrong_default_accounts_stop_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="PAYERA_DEFAULT_PRIORITIES"):
        settings(PAYERA_DEFAULT_PRIORITIES=text).default_accounts()
