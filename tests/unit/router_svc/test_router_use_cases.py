"""Lists at hand for five seconds, the default for merchants that have none."""

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.settings import SettingsError, load
from router_svc.application.ports.priority_store import Change
from router_svc.application.priority_lists import LIST_LIFE_SECONDS
from router_svc.domain.priorities import Priority
from router_svc.settings import RouterSettings
from tests.fakes.router.routing import MERCHANT, Router

CHANGE = Change("operator", "req_1")


async def routed(router: Router) -> tuple[list[str], int]:
    route = await router.route()
    return [candidate.account for candidate in route.decision.candidates], route.list_version


async def test_a_merchant_without_a_list_is_routed_by_the_default_one() -> None:
    router = Router()
    assert await routed(router) == (["fallback"], 0)
    assert await router.lists.get(MERCHANT) is None


async def test_a_set_list_decides_at_once_in_the_process_that_set_it() -> None:
    router = Router()
    await router.route()
    assert await router.lists.set(MERCHANT, (Priority("a"), Priority("b")), CHANGE) == 1
    assert await routed(router) == (["a", "b"], 1)
    assert await router.lists.set(MERCHANT, (Priority("b"),), CHANGE) == 2
    assert await routed(router) == (["b"], 2)


async def test_a_list_set_elsewhere_decides_within_five_seconds() -> None:
    router = Router()
    other = Router(store=router.store)
    await router.route()
    await other.lists.set(MERCHANT, (Priority("a"),), CHANGE)
    assert await routed(router) == (["fallback"], 0)
    router.monotonic.seconds += LIST_LIFE_SECONDS
    assert await routed(router) == (["a"], 1)
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
    assert await routed(router) == (["a"], 1)
    router.monotonic.seconds += LIST_LIFE_SECONDS
    with pytest.raises(Refusal) as refused:
        await router.route()
    assert refused.value.reason is Reason.UNAVAILABLE
    router.store.down = False
    assert await routed(router) == (["a"], 1)


async def test_a_list_that_may_not_be_set_changes_nothing() -> None:
    router = Router()
    await router.lists.set(MERCHANT, (Priority("a"),), CHANGE)
    with pytest.raises(Refusal):
        await router.lists.set(MERCHANT, (Priority("b"), Priority("b")), CHANGE)
    assert await routed(router) == (["a"], 1)


def settings(**variables: str) -> RouterSettings:
    required = {
        "PAYERA_ENVIRONMENT": "dev",
        "PAYERA_DATABASE_URL": "postgresql://127.0.0.1/payera",
        "PAYERA_GATEWAY_ADDRESS": "127.0.0.1:1",
        "PAYERA_CONNECTORS_ADDRESS": "127.0.0.1:1",
        "PAYERA_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    }
    return load(RouterSettings, required | variables)


def test_default_accounts_come_from_the_environment() -> None:
    assert settings().default_accounts() == ()
    assert settings(PAYERA_DEFAULT_PRIORITIES="sandbox_a").default_accounts() == ("sandbox_a",)
    assert settings(PAYERA_DEFAULT_PRIORITIES=" b , a,").default_accounts() == ("b", "a")


@pytest.mark.parametrize("text", ["Sandbox", "a b", "a,a", "1a", ",".join(f"a{number}" for number in range(51))])
def test_wrong_default_accounts_stop_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="PAYERA_DEFAULT_PRIORITIES"):
        settings(PAYERA_DEFAULT_PRIORITIES=text).default_accounts()
