"""The life of a version: checked when it is saved and when it is activated, approved by others, gone back to."""

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.application import pages
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.application.manage_rulesets import ManageRulesets, UnusableRulesetError
from router_svc.application.ports.ruleset_store import NO_RULESET, Actor, VersionState
from router_svc.domain.facts import AccountFacts
from router_svc.domain.priorities import MerchantId
from router_svc.domain.problems import ProblemKind, Severity
from router_svc.domain.ruleset import Block, RouteTo, Rule, Ruleset, Share, Split
from tests.fakes.router.ruleset_store import FakeRulesetStore

MERCHANT = MerchantId("mer_1")
ANNA = Actor("key_anna", "req_1")
BEN = Actor("key_ben", "req_2")
#: Passes the Luhn check and belongs to nobody.
CARD = "4242424242424242"


@dataclass(slots=True)
class Accounts:
    """A merchant's accounts, which may change; `down` makes them unknown."""

    known: tuple[AccountFacts, ...] = (AccountFacts("a", "sandbox"), AccountFacts("b", "sandbox"))
    down: bool = False

    async def of(self, merchant_id: MerchantId) -> tuple[AccountFacts, ...]:  # noqa: ARG002 - the port's
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
        return self.known


@dataclass(slots=True)
class Desk:
    """The use cases over a store in memory, with the real checks."""

    store: FakeRulesetStore = field(default_factory=FakeRulesetStore)
    accounts: Accounts = field(default_factory=Accounts)
    changed: list[MerchantId] = field(default_factory=list)

    @property
    def manage(self) -> ManageRulesets:
        return ManageRulesets(
            store=self.store,
            accounts=self.accounts,
            check=CheckRuleset(CelCompiler()),
            threads=BoundedThreads(at_once=1, waiting_max=4, name="test"),
            changed=self.note_changed,
        )

    async def note_changed(self, merchant_id: MerchantId) -> None:
        self.changed.append(merchant_id)

    async def active(self) -> int:
        return (await self.store.state(MERCHANT)).active_version


@pytest.fixture
def desk() -> Desk:
    return Desk()


def to(*accounts: str, condition: str = 'currency == "EUR"', name: str = "euros") -> Ruleset:
    """Make a ruleset of one rule."""
    return Ruleset((Rule(name, condition, RouteTo(accounts)),))


async def refusal_of(call: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value


async def test_a_check_tells_what_is_wrong_and_saves_nothing(desk: Desk) -> None:
    problems = await desk.manage.check(MERCHANT, to("c", condition='brand == "vissa"'))
    assert [(problem.kind, problem.severity) for problem in problems] == [
        (ProblemKind.ACCOUNT, Severity.ERROR),
        (ProblemKind.UNKNOWN_WORD, Severity.ERROR),
    ]
    assert await desk.manage.check(MERCHANT, to("a")) == ()
    assert (await desk.store.state(MERCHANT)).newest_version == NO_RULESET


async def test_a_draft_with_an_error_is_not_saved_and_every_error_is_told(desk: Desk) -> None:
    draft = Ruleset((Rule("euros", "currency = EUR", RouteTo(("a",))), Rule("rest", "", RouteTo(("zz",)))))
    with pytest.raises(UnusableRulesetError) as refused:
        await desk.manage.create(MERCHANT, draft, "", ANNA)
    told = [(problem.rule, problem.field) for problem in refused.value.problems]
    assert told[:2] == [("euros", "rules[0].condition"), ("rest", "rules[1].action.accounts[0]")]
    assert all(problem.why and problem.instead for problem in refused.value.problems)
    assert (await desk.store.state(MERCHANT)).newest_version == NO_RULESET


async def test_a_draft_with_a_warning_is_saved_and_the_warning_told(desk: Desk) -> None:
    desk.accounts.known = (AccountFacts("a", "sandbox"), AccountFacts("b", "sandbox", disabled=True))
    saved = await desk.manage.create(MERCHANT, to("a", "b"), "both", ANNA)
    assert (saved.stored.record.version, saved.stored.record.note) == (1, "both")
    assert [problem.severity for problem in saved.warnings] == [Severity.WARNING]
    assert (await desk.manage.get(MERCHANT, 1)).ruleset == to("a", "b")


async def test_what_is_activated_is_checked_against_the_accounts_of_now(desk: Desk) -> None:
    await desk.manage.create(MERCHANT, to("b"), "", ANNA)
    desk.accounts.known = desk.accounts.known[:1]
    with pytest.raises(UnusableRulesetError) as refused:
        await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    problem = refused.value.problems[0]
    assert (problem.rule, problem.why, problem.instead) == (
        "euros",
        "the merchant has no account `b`",
        "name one of these: `a`",
    )
    assert await desk.active() == NO_RULESET
    desk.accounts.known = Accounts().known
    activated = await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    assert activated.stored.record.state is VersionState.ACTIVE
    assert await desk.active() == 1
    assert desk.changed == [MERCHANT]


async def test_while_nobody_can_tell_the_accounts_nothing_is_saved_or_activated(desk: Desk) -> None:
    await desk.manage.create(MERCHANT, to("a"), "", ANNA)
    desk.accounts.down = True
    for call in (
        desk.manage.create(MERCHANT, to("b"), "", ANNA),
        desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA),
    ):
        assert (await refusal_of(call)).reason is Reason.UNAVAILABLE
    state = await desk.store.state(MERCHANT)
    assert (state.newest_version, state.active_version) == (1, NO_RULESET)


async def test_activating_the_active_version_again_checks_and_changes_nothing(desk: Desk) -> None:
    await desk.manage.create(MERCHANT, to("a"), "", ANNA)
    await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    desk.accounts.known = ()
    again = await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    assert again.stored.record.state is VersionState.ACTIVE
    assert desk.changed == [MERCHANT]


async def test_going_back_names_no_version_or_one_that_was_active(desk: Desk) -> None:
    for number, name in enumerate(("a", "b", "a"), 1):
        await desk.manage.create(MERCHANT, to(name), f"number {number}", ANNA)
    await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    await desk.manage.activate(MERCHANT, 2, 1, ANNA)
    back = await desk.manage.roll_back(MERCHANT, None, 2, BEN)
    assert back.active is not None
    assert (back.state.active_version, back.active.stored.record.version) == (1, 1)
    forth = await desk.manage.roll_back(MERCHANT, 2, 1, BEN)
    assert forth.state.active_version == 2
    never = await refusal_of(desk.manage.roll_back(MERCHANT, 3, 2, BEN))
    assert (never.reason, never.metadata) == (Reason.RULESET_NEVER_ACTIVE, {"version": "3"})
    missing = await refusal_of(desk.manage.roll_back(MERCHANT, 4, 2, BEN))
    assert missing.reason is Reason.RULESET_NOT_FOUND


async def test_going_back_from_the_first_version_leaves_none(desk: Desk) -> None:
    await desk.manage.create(MERCHANT, to("a"), "", ANNA)
    await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    back = await desk.manage.roll_back(MERCHANT, None, 1, ANNA)
    assert (back.state.active_version, back.active) == (NO_RULESET, None)


async def test_a_repeated_going_back_does_not_go_further(desk: Desk) -> None:
    for name in ("a", "b"):
        await desk.manage.create(MERCHANT, to(name), "", ANNA)
    await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    await desk.manage.activate(MERCHANT, 2, 1, ANNA)
    await desk.manage.roll_back(MERCHANT, None, 2, ANNA)
    conflict = await refusal_of(desk.manage.roll_back(MERCHANT, None, 2, ANNA))
    assert conflict.metadata == {"active_version": "1", "expected_version": "2"}
    assert await desk.active() == 1


async def test_a_version_with_an_error_by_now_is_not_gone_back_to(desk: Desk) -> None:
    for name in ("b", "a"):
        await desk.manage.create(MERCHANT, to(name), "", ANNA)
    await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    await desk.manage.activate(MERCHANT, 2, 1, ANNA)
    desk.accounts.known = desk.accounts.known[:1]
    with pytest.raises(UnusableRulesetError):
        await desk.manage.roll_back(MERCHANT, None, 2, ANNA)
    assert await desk.active() == 2
    # To have none is possible whatever the accounts are.
    await desk.manage.roll_back(MERCHANT, NO_RULESET, 2, ANNA)
    assert await desk.active() == NO_RULESET


async def test_an_outcome_that_is_not_known_makes_the_next_payment_look(desk: Desk) -> None:
    await desk.manage.create(MERCHANT, to("a"), "", ANNA)
    assert (await refusal_of(desk.manage.activate(MERCHANT, 1, 7, ANNA))).reason is Reason.RULESET_CONFLICT
    assert desk.changed == [MERCHANT]


async def test_two_keys_where_the_merchant_asks_for_them(desk: Desk) -> None:
    await desk.manage.require_approval(MERCHANT, ANNA, required=True)
    await desk.manage.create(MERCHANT, to("a"), "", ANNA)
    lacking = await refusal_of(desk.manage.activate(MERCHANT, 1, NO_RULESET, BEN))
    assert lacking.reason is Reason.RULESET_NOT_APPROVED
    assert (await refusal_of(desk.manage.approve(MERCHANT, 1, ANNA))).reason is Reason.RULESET_OWN_APPROVAL
    approved = await desk.manage.approve(MERCHANT, 1, BEN)
    assert (approved.record.approved_by, approved.ruleset) == (("key_ben",), to("a"))
    await desk.manage.activate(MERCHANT, 1, NO_RULESET, ANNA)
    assert await desk.active() == 1


async def test_lists_come_in_pages_whose_tokens_are_good_for_one_list(desk: Desk) -> None:
    for number in range(5):
        await desk.manage.create(MERCHANT, to("a"), f"n{number}", ANNA)
    seen = []
    token = ""
    for _ in range(3):
        records, token = await desk.manage.list(MERCHANT, 2, token)
        seen.append([record.version for record in records])
    assert (seen, token) == ([[5, 4], [3, 2], [1]], "")
    _, token = await desk.manage.list(MERCHANT, 2, "")
    changes, _ = await desk.manage.changes(MERCHANT, 3, "")
    assert [change.number for change in changes] == [5, 4, 3]
    for wrong in (
        desk.manage.changes(MERCHANT, 2, token),
        desk.manage.list(MerchantId("mer_2"), 2, token),
        desk.manage.list(MERCHANT, 2, token[:-1]),
        desk.manage.list(MERCHANT, 2, pages.encode(f"rulesets/{MERCHANT}", 10**9)),
        desk.manage.list(MERCHANT, 2, "5"),
    ):
        assert (await refusal_of(wrong)).reason is Reason.INVALID_PAGE_TOKEN


@pytest.mark.parametrize(
    ("draft", "note", "field"),
    [
        (to("a", name=f"card {CARD}"), "", "ruleset.rules[0].name"),
        (to("a", condition=f'metadata["card"] == "{CARD}"'), "", "ruleset.rules[0].condition"),
        (to(f"a {CARD}"), "", "ruleset.rules[0].route.accounts[0]"),
        (
            Ruleset((Rule("s", "", Split((Share("a", 1), Share(CARD, 1)))),)),
            "",
            "ruleset.rules[0].split.shares[1].account",
        ),
        (Ruleset((Rule("b", "", Block(CARD)),)), "", "ruleset.rules[0].block.reason"),
        (Ruleset((), RouteTo((CARD,))), "", "ruleset.otherwise.accounts[0]"),
        (to("a"), f"for {CARD}", "note"),
    ],
    ids=["name", "condition", "account", "share", "reason", "otherwise", "note"],
)
async def test_card_numbers_are_refused_wherever_they_stand_and_never_kept(
    desk: Desk, draft: Ruleset, note: str, field: str
) -> None:
    refused = await refusal_of(desk.manage.create(MERCHANT, draft, note, ANNA))
    assert (refused.reason, refused.metadata) == (Reason.CARD_NUMBER_IN_TEXT, {"field": field})
    if not note:
        assert (await refusal_of(desk.manage.check(MERCHANT, draft))).reason is Reason.CARD_NUMBER_IN_TEXT
    assert (await desk.store.state(MERCHANT)).newest_version == NO_RULESET


async def test_control_characters_are_refused_and_lines_of_conditions_are_not(desk: Desk) -> None:
    refused = await refusal_of(desk.manage.create(MERCHANT, to("a", name="eu\x00ros"), "", ANNA))
    assert (refused.reason, refused.metadata["field"]) == (Reason.INVALID_FIELD, "ruleset.rules[0].name")
    assert (await refusal_of(desk.manage.check(MERCHANT, to("a\n")))).reason is Reason.INVALID_FIELD
    assert (await refusal_of(desk.manage.create(MERCHANT, to("a"), "\x00", ANNA))).reason is Reason.INVALID_FIELD
    draft = to("a", condition='currency == "EUR"\n\t&& amount > 5')
    saved = await desk.manage.create(MERCHANT, draft, "two\nlines", ANNA)
    assert saved.stored.ruleset == replace(draft)
