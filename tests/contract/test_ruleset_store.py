"""What every store of rulesets does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.postgres.ruleset_store import PostgresRulesetStore
from router_svc.application.ports.ruleset_store import (
    NO_RULESET,
    Actor,
    ChangeKind,
    RoutingState,
    RulesetStore,
    VersionRecord,
    VersionState,
)
from router_svc.domain.priorities import MerchantId
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy
from tests.fakes.router.ruleset_store import FakeRulesetStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

ANNA = Actor("key_anna", "req_1")
BEN = Actor("key_ben", "req_2")
RULESET = Ruleset(
    rules=(
        Rule("no prepaid", 'funding == "prepaid"', Block("We take no prepaid cards."), StepUp.SKIP),
        Rule(
            "euros",
            'currency == "EUR" &&\n  amount < 5000 // small',
            RouteTo(("b", "a"), Strategy(Ranking.WEIGHTED, 70, 20_000)),
            StepUp.REQUIRE,
        ),
        Rule("the rest", "", Split((Share("a", 7), Share("b", 3)))),
        Rule("last", "true", RouteTo()),
    ),
    otherwise=RouteTo(("a",), Strategy(Ranking.LEAST_COST)),
)
SMALL = Ruleset((), RouteTo(("a",)))


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RulesetStore]:
    if request.param == "fake":
        yield FakeRulesetStore()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["router_svc"], pool_size=4, name="test")
    await database.open()
    yield PostgresRulesetStore(database)
    await database.close()


@pytest.fixture
def merchant_id() -> MerchantId:
    return MerchantId(new_id("mer"))


async def refusal_of(call: Awaitable[object]) -> tuple[Reason, dict[str, str]]:
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value.reason, dict(refused.value.metadata)


async def versions(store: RulesetStore, merchant_id: MerchantId, count: int) -> None:
    """Save versions that differ."""
    for number in range(count):
        await store.create(merchant_id, SMALL, f"number {number + 1}", ANNA)


async def kinds(store: RulesetStore, merchant_id: MerchantId) -> list[tuple[ChangeKind, int, int, str]]:
    """Give what was done, oldest first."""
    changes = await store.changes(merchant_id, 100, 0)
    assert [change.number for change in changes] == list(range(len(changes), 0, -1))
    return [(change.kind, change.version, change.replaced_version, change.actor.key_id) for change in reversed(changes)]


async def test_a_merchant_without_rulesets_has_none(store: RulesetStore, merchant_id: MerchantId) -> None:
    assert await store.state(merchant_id) == RoutingState()
    assert await store.get(merchant_id, 1) is None
    assert list(await store.list(merchant_id, 10, 0)) == []
    assert list(await store.changes(merchant_id, 10, 0)) == []


async def test_a_ruleset_comes_back_as_it_was_saved(store: RulesetStore, merchant_id: MerchantId) -> None:
    record = await store.create(merchant_id, RULESET, "for euros", ANNA)
    assert (record.version, record.state, record.note, record.rule_count) == (1, VersionState.DRAFT, "for euros", 4)
    assert (record.created_by, record.approved_by) == ("key_anna", ())
    [created] = record.history
    assert (created.kind, created.version, created.actor) == (ChangeKind.CREATED, 1, ANNA)
    stored = await store.get(merchant_id, 1)
    assert stored is not None
    assert (stored.record, stored.ruleset) == (record, RULESET)
    assert await store.get(MerchantId(new_id("mer")), 1) is None


async def test_what_was_saved_last_is_not_saved_again_by_the_same_key(
    store: RulesetStore, merchant_id: MerchantId
) -> None:
    first = await store.create(merchant_id, RULESET, "n", ANNA)
    assert await store.create(merchant_id, RULESET, "n", replace(ANNA, request_id="req_9")) == first
    made = [
        await store.create(merchant_id, RULESET, "n", BEN),
        await store.create(merchant_id, RULESET, "other note", BEN),
        await store.create(merchant_id, SMALL, "other note", BEN),
        await store.create(merchant_id, RULESET, "n", ANNA),
    ]
    assert [record.version for record in made] == [2, 3, 4, 5]


async def test_versions_saved_at_once_have_neither_gaps_nor_doubles(
    store: RulesetStore, merchant_id: MerchantId
) -> None:
    made = await asyncio.gather(*(store.create(merchant_id, SMALL, f"n{number}", ANNA) for number in range(8)))
    assert sorted(record.version for record in made) == list(range(1, 9))
    assert (await store.state(merchant_id)).newest_version == 8


async def test_versions_are_listed_newest_first_without_their_history(
    store: RulesetStore, merchant_id: MerchantId
) -> None:
    await versions(store, merchant_id, 5)
    pages = [await store.list(merchant_id, 2, before) for before in (0, 4, 2)]
    assert [[record.version for record in page] for page in pages] == [[5, 4], [3, 2], [1]]
    assert all(record.history == () for page in pages for record in page)
    assert list(await store.list(merchant_id, 2, 1)) == []


async def test_a_version_is_activated_replaced_and_gone_back_to(store: RulesetStore, merchant_id: MerchantId) -> None:
    await versions(store, merchant_id, 3)
    await store.activate(merchant_id, 1, NO_RULESET, ANNA)
    await store.activate(merchant_id, 3, 1, BEN)
    state = await store.state(merchant_id)
    assert (state.active_version, state.previous_version) == (3, 1)
    await store.roll_back(merchant_id, 1, 3, ANNA)
    state = await store.state(merchant_id)
    assert (state.active_version, state.previous_version) == (1, NO_RULESET)
    states = {record.version: record.state for record in await store.list(merchant_id, 10, 0)}
    assert states == {1: VersionState.ACTIVE, 2: VersionState.DRAFT, 3: VersionState.RETIRED}
    await store.roll_back(merchant_id, NO_RULESET, 1, BEN)
    state = await store.state(merchant_id)
    assert (state.active_version, state.previous_version) == (NO_RULESET, NO_RULESET)
    assert (await kinds(store, merchant_id))[3:] == [
        (ChangeKind.ACTIVATED, 1, 0, "key_anna"),
        (ChangeKind.ACTIVATED, 3, 1, "key_ben"),
        (ChangeKind.ROLLED_BACK, 1, 3, "key_anna"),
        (ChangeKind.ROLLED_BACK, 0, 1, "key_ben"),
    ]
    stored = await store.get(merchant_id, 1)
    assert stored is not None
    history = [change.kind for change in stored.record.history]
    assert history == [ChangeKind.CREATED, ChangeKind.ACTIVATED, ChangeKind.ROLLED_BACK]


async def test_an_active_version_stays_so_whatever_was_expected(store: RulesetStore, merchant_id: MerchantId) -> None:
    await versions(store, merchant_id, 2)
    await store.activate(merchant_id, 1, NO_RULESET, ANNA)
    before = await kinds(store, merchant_id)
    await store.activate(merchant_id, 1, NO_RULESET, ANNA)
    await store.activate(merchant_id, 1, 2, BEN)
    await store.roll_back(merchant_id, 1, 2, BEN)
    assert await kinds(store, merchant_id) == before


async def test_who_has_seen_another_version_active_changes_nothing(
    store: RulesetStore, merchant_id: MerchantId
) -> None:
    await versions(store, merchant_id, 3)
    await store.activate(merchant_id, 1, NO_RULESET, ANNA)
    before = await kinds(store, merchant_id)
    conflict = (Reason.RULESET_CONFLICT, {"active_version": "1", "expected_version": "2"})
    assert await refusal_of(store.activate(merchant_id, 3, 2, BEN)) == conflict
    assert await refusal_of(store.roll_back(merchant_id, NO_RULESET, 2, BEN)) == conflict
    assert await kinds(store, merchant_id) == before
    assert (await store.state(merchant_id)).active_version == 1


async def test_of_activations_at_once_exactly_one_wins(store: RulesetStore, merchant_id: MerchantId) -> None:
    await versions(store, merchant_id, 9)
    await store.activate(merchant_id, 1, NO_RULESET, ANNA)
    calls = [store.activate(merchant_id, version, 1, ANNA) for version in range(2, 10)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    winners = [version for version, outcome in enumerate(outcomes, 2) if outcome is None]
    assert len(winners) == 1
    losers = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(lost, Refusal) and lost.reason is Reason.RULESET_CONFLICT for lost in losers)
    assert (await store.state(merchant_id)).active_version == winners[0]
    assert (await kinds(store, merchant_id))[-1] == (ChangeKind.ACTIVATED, winners[0], 1, "key_anna")


async def test_what_is_not_there_or_was_never_active_is_refused(store: RulesetStore, merchant_id: MerchantId) -> None:
    await versions(store, merchant_id, 1)
    for version in (2, 1_000_000):
        missing = (Reason.RULESET_NOT_FOUND, {"version": str(version)})
        assert await refusal_of(store.activate(merchant_id, version, 0, ANNA)) == missing
        assert await refusal_of(store.roll_back(merchant_id, version, 0, ANNA)) == missing
        assert await refusal_of(store.approve(merchant_id, version, BEN)) == missing
        assert await store.get(merchant_id, version) is None
    nothing = (Reason.RULESET_NOT_FOUND, {"version": "0"})
    assert await refusal_of(store.activate(merchant_id, NO_RULESET, 0, ANNA)) == nothing
    never = (Reason.RULESET_NEVER_ACTIVE, {"version": "1"})
    assert await refusal_of(store.roll_back(merchant_id, 1, 0, ANNA)) == never
    assert await kinds(store, merchant_id) == [(ChangeKind.CREATED, 1, 0, "key_anna")]


async def test_a_version_is_approved_by_others_than_who_saved_it(store: RulesetStore, merchant_id: MerchantId) -> None:
    await versions(store, merchant_id, 1)
    own = (Reason.RULESET_OWN_APPROVAL, {"version": "1"})
    assert await refusal_of(store.approve(merchant_id, 1, ANNA)) == own
    approved: VersionRecord = await store.approve(merchant_id, 1, BEN)
    assert (approved.state, approved.approved_by) == (VersionState.APPROVED, ("key_ben",))
    assert await store.approve(merchant_id, 1, BEN) == approved
    again = await store.approve(merchant_id, 1, Actor("key_cleo", "req_3"))
    assert again.approved_by == ("key_ben", "key_cleo")


async def test_where_approvals_are_asked_for_none_is_activated_without(
    store: RulesetStore, merchant_id: MerchantId
) -> None:
    await versions(store, merchant_id, 2)
    await store.activate(merchant_id, 1, NO_RULESET, ANNA)
    assert (await store.require_approval(merchant_id, ANNA, required=True)).approval_required
    lacking = (Reason.RULESET_NOT_APPROVED, {"version": "2"})
    assert await refusal_of(store.activate(merchant_id, 2, 1, ANNA)) == lacking
    assert await refusal_of(store.activate(merchant_id, 2, 1, BEN)) == lacking
    await store.approve(merchant_id, 2, BEN)
    await store.activate(merchant_id, 2, 1, ANNA)
    # Going back is possible alone, at night.
    await store.roll_back(merchant_id, 1, 2, ANNA)
    assert (await store.state(merchant_id)).active_version == 1


async def test_approvals_are_given_up_by_two_keys(store: RulesetStore, merchant_id: MerchantId) -> None:
    assert await store.require_approval(merchant_id, ANNA, required=False) == RoutingState()
    await store.require_approval(merchant_id, ANNA, required=True)
    await store.require_approval(merchant_id, ANNA, required=True)
    for _ in range(2):
        wished = await store.require_approval(merchant_id, ANNA, required=False)
        assert (wished.approval_required, wished.waiver_requested_by) == (True, "key_anna")
    kept = await store.require_approval(merchant_id, BEN, required=True)
    assert (kept.approval_required, kept.waiver_requested_by) == (True, "")
    await store.require_approval(merchant_id, BEN, required=False)
    assert not (await store.require_approval(merchant_id, ANNA, required=False)).approval_required
    assert await kinds(store, merchant_id) == [
        (ChangeKind.APPROVAL_REQUIRED, 0, 0, "key_anna"),
        (ChangeKind.APPROVAL_WAIVER_REQUESTED, 0, 0, "key_anna"),
        (ChangeKind.APPROVAL_REQUIRED, 0, 0, "key_ben"),
        (ChangeKind.APPROVAL_WAIVER_REQUESTED, 0, 0, "key_ben"),
        (ChangeKind.APPROVAL_WAIVED, 0, 0, "key_anna"),
    ]


async def test_changes_come_in_pages(store: RulesetStore, merchant_id: MerchantId) -> None:
    await versions(store, merchant_id, 5)
    pages = [await store.changes(merchant_id, 2, before) for before in (0, 4, 2)]
    assert [[change.number for change in page] for page in pages] == [[5, 4], [3, 2], [1]]
