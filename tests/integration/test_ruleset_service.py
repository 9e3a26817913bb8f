"""The service of rulesets over gRPC: whose rulesets a key reaches, and what callers are told."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from payera.routing.v1 import ruleset_service_pb2 as contract
from payera.routing.v1 import ruleset_service_pb2_grpc as stubs

from mesh.channels import open_channel
from mesh.context import KeyScope
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.adapters.grpc.ruleset_service import add_ruleset_service
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.application.manage_rulesets import ManageRulesets
from router_svc.application.ports.priority_store import Change as PriorityChange
from router_svc.domain.facts import AccountFacts
from router_svc.domain.priorities import MerchantId, Priority
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.log import FakeLog
from tests.fakes.router.payment_history import FakePaymentHistory, past, simulating
from tests.fakes.router.routing import FakeConnectors, Router
from tests.fakes.router.ruleset_store import FakeRulesetStore
from tests.support.certificates import CertificateAuthority
from tests.support.mesh_server import detail_of, refused

pytestmark = pytest.mark.integration

MERCHANT = "mer_01JD3V5H2A9D4EJ6M8QPSRTVWX"
OTHER = "mer_01JD3V5H2A9D4EJ6M8QPSRTVWY"
ANNA, BEN, OPERATOR, THEIRS, PUBLISHABLE = "sk_anna", "sk_ben", "op_1", "sk_theirs", "pk_page"
SECONDS = 20


@dataclass(slots=True)
class Accounts:
    """Each merchant has the same two."""

    known: tuple[AccountFacts, ...] = (AccountFacts("a", "sandbox"), AccountFacts("b", "sandbox"))

    async def of(self, merchant_id: MerchantId) -> tuple[AccountFacts, ...]:  # noqa: ARG002 - the port's
        return self.known


@dataclass(slots=True)
class Service:
    """The running service, and callers of it by their keys."""

    stub: Any
    keys: dict[str, str]
    accounts: Accounts
    store: FakeRulesetStore = field(default_factory=FakeRulesetStore)
    router: Router = field(default_factory=Router)
    history: FakePaymentHistory = field(default_factory=FakePaymentHistory)

    def call(self, rpc: str, request: Any, key: str = ANNA) -> Awaitable[Any]:
        metadata = (("authorization", f"Bearer {key}"), ("x-request-id", "request-1"), ("x-payera-body-fields", ""))
        answer: Awaitable[Any] = getattr(self.stub, rpc)(request, timeout=SECONDS, metadata=metadata)
        return answer

    async def save(self, *accounts: str, key: str = ANNA, note: str = "") -> contract.RulesetVersion:
        request = contract.CreateRulesetRequest(ruleset=rules(*accounts), note=note)
        saved: contract.RulesetVersion = await self.call("CreateRuleset", request, key)
        return saved


def rules(*accounts: str, condition: str = 'currency == "EUR"') -> contract.Ruleset:
    """Make a ruleset of one rule."""
    route = contract.Route(accounts=accounts)
    return contract.Ruleset(rules=[contract.Rule(name="euros", condition=condition, route=route)])


async def _nobody_routes(_merchant_id: MerchantId) -> None:
    """Take note of a change where no payment is routed."""


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    authority = CertificateAuthority()
    keys = FakeAuthenticator()
    for key, scope, merchant_id in (
        (ANNA, KeyScope.SECRET, MERCHANT),
        (BEN, KeyScope.SECRET, MERCHANT),
        (OPERATOR, KeyScope.OPERATOR, ""),
        (THEIRS, KeyScope.SECRET, OTHER),
        (PUBLISHABLE, KeyScope.PUBLISHABLE, MERCHANT),
    ):
        keys.give(key, scope, merchant_id=merchant_id)
    settings = BaseSettings(
        environment="dev", listen="127.0.0.1:0", tls_directory=authority.write(tmp_path / "server", "router_svc")
    )
    accounts = Accounts()
    store = FakeRulesetStore()
    threads = BoundedThreads(at_once=1, waiting_max=4, name="test")
    manage = ManageRulesets(
        store=store,
        accounts=accounts,
        check=CheckRuleset(CelCompiler()),
        threads=threads,
        changed=_nobody_routes,
    )
    server = MeshServer(settings, logger=FakeLog().logger, metrics=Metrics("router_svc"), authenticator=keys)
    router = Router(rules=store, connectors=FakeConnectors(accounts.known))
    history = FakePaymentHistory()
    add_ruleset_service(server, manage, simulating(router, manage, history))
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop, 0)
        stack.callback(threads.close)
        tls = authority.write(tmp_path / "client", "envoy")
        channel = open_channel(f"127.0.0.1:{server.port}", service="router_svc", tls_directory=tls)
        stack.push_async_callback(channel.close)
        ids = {ANNA: "key_0", BEN: "key_1", OPERATOR: "key_2"}
        yield Service(stubs.RulesetServiceStub(channel), ids, accounts, store, router, history)


async def refusal_in(call: Awaitable[Any]) -> Refusal:
    return (await refused(call))[1]


async def test_the_life_of_a_version(service: Service) -> None:
    assert await service.call("GetActiveRuleset", contract.GetActiveRulesetRequest()) == contract.ActiveRuleset(
        approval_policy=contract.ApprovalPolicy()
    )
    first = await service.save("a", note="first")
    assert (first.version, first.state, first.note, first.rule_count) == (1, contract.RulesetVersion.DRAFT, "first", 1)
    assert (first.created_by, first.history[0].request_id) == (service.keys[ANNA], "request-1")
    await service.save("b", note="second")
    activate = contract.ActivateRulesetRequest(version=1)
    assert (await service.call("ActivateRuleset", activate)).state == contract.RulesetVersion.ACTIVE
    activate = contract.ActivateRulesetRequest(version=2, expected_active_version=1)
    second = await service.call("ActivateRuleset", activate, BEN)
    assert [change.kind for change in second.history] == [
        contract.RoutingChange.CREATED,
        contract.RoutingChange.ACTIVATED,
    ]
    active = await service.call("GetActiveRuleset", contract.GetActiveRulesetRequest())
    assert (active.active_version, active.previous_version, active.newest_version) == (2, 1, 2)
    assert active.ruleset_version == second
    back = await service.call("RollBackRuleset", contract.RollBackRulesetRequest(expected_active_version=2))
    shown = rules("a")
    shown.otherwise.CopyFrom(contract.Route())
    assert (back.active_version, back.ruleset_version.ruleset) == (1, shown)
    listed = await service.call("ListRulesets", contract.ListRulesetsRequest())
    assert [(each.version, each.state, each.HasField("ruleset")) for each in listed.rulesets] == [
        (2, contract.RulesetVersion.RETIRED, False),
        (1, contract.RulesetVersion.ACTIVE, False),
    ]
    none = await service.call("RollBackRuleset", contract.RollBackRulesetRequest(expected_active_version=1, version=0))
    assert (none.active_version, none.HasField("ruleset_version")) == (0, False)
    changes = (await service.call("ListRoutingChanges", contract.ListRoutingChangesRequest())).changes
    assert [(change.kind, change.version, change.replaced_version, change.key_id) for change in changes[:3]] == [
        (contract.RoutingChange.ROLLED_BACK, 0, 1, service.keys[ANNA]),
        (contract.RoutingChange.ROLLED_BACK, 1, 2, service.keys[ANNA]),
        (contract.RoutingChange.ACTIVATED, 2, 1, service.keys[BEN]),
    ]


async def test_an_error_is_told_with_rule_reason_and_remedy_and_nothing_is_saved(service: Service) -> None:
    request = contract.CreateRulesetRequest(ruleset=rules("a", condition='brand == "vissa"'))
    error, refusal = await refused(service.call("CreateRuleset", request))
    assert (error.code(), refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, Reason.RULESET_INVALID)
    told = 'rule "euros": no payment has the brand "vissa" (line 1, column 10); write "visa"'
    assert error.details() == f"The ruleset can't be used: ruleset.rules[0].condition: {told}"
    [bad_request] = detail_of(error, error_details_pb2.BadRequest)
    [violation] = bad_request.field_violations
    assert (violation.field, violation.description) == ("ruleset.rules[0].condition", told)
    assert not (await service.call("ListRulesets", contract.ListRulesetsRequest())).rulesets
    check = await service.call("CheckRuleset", contract.CheckRulesetRequest(ruleset=request.ruleset))
    [problem] = check.problems
    assert not check.usable
    assert (problem.severity, problem.kind) == (contract.Problem.ERROR, contract.Problem.UNKNOWN_WORD)
    assert problem.position.excerpt == 'brand == "vissa"\n         ^'


async def test_a_ruleset_with_an_error_by_now_is_not_activated(service: Service) -> None:
    await service.save("b")
    service.accounts.known = service.accounts.known[:1]
    error, refusal = await refused(service.call("ActivateRuleset", contract.ActivateRulesetRequest(version=1)))
    assert refusal.reason is Reason.RULESET_INVALID
    assert "the merchant has no account `b`" in (error.details() or "")
    active = await service.call("GetActiveRuleset", contract.GetActiveRulesetRequest())
    assert active.active_version == 0


async def test_a_hundred_errors_are_told_within_what_a_header_may_hold(service: Service) -> None:
    broken = [
        contract.Rule(name=f"rule {number} " + "\N{SNOWMAN}" * 40, condition="nonsense(" * 50, block=contract.Block())
        for number in range(200)
    ]
    request = contract.CreateRulesetRequest(ruleset=contract.Ruleset(rules=broken))
    assert (await refusal_in(service.call("CreateRuleset", request))).reason is Reason.RULESET_INVALID
    check = await service.call("CheckRuleset", contract.CheckRulesetRequest(ruleset=request.ruleset))
    assert len(check.problems) >= 200


async def test_two_people_where_the_merchant_asks_for_them(service: Service) -> None:
    policy = contract.SetApprovalPolicyRequest(approval_required=True)
    assert (await service.call("SetApprovalPolicy", policy)).approval_required
    await service.save("a")
    activate, approve = contract.ActivateRulesetRequest(version=1), contract.ApproveRulesetRequest(version=1)
    assert (await refusal_in(service.call("ActivateRuleset", activate))).reason is Reason.RULESET_NOT_APPROVED
    assert (await refusal_in(service.call("ApproveRuleset", approve))).reason is Reason.RULESET_OWN_APPROVAL
    approved = await service.call("ApproveRuleset", approve, BEN)
    assert (approved.state, approved.approved_by) == (contract.RulesetVersion.APPROVED, [service.keys[BEN]])
    assert (await service.call("ActivateRuleset", activate)).state == contract.RulesetVersion.ACTIVE
    waived = await service.call("SetApprovalPolicy", contract.SetApprovalPolicyRequest(), BEN)
    assert (waived.approval_required, waived.waiver_requested_by) == (True, service.keys[BEN])
    assert not (await service.call("SetApprovalPolicy", contract.SetApprovalPolicyRequest())).approval_required


async def test_a_key_reaches_its_own_merchants_rulesets_alone(service: Service) -> None:
    await service.save("a")
    assert (await refusal_in(service.call("GetRuleset", contract.GetRulesetRequest(version=1), THEIRS))).reason is (
        Reason.RULESET_NOT_FOUND
    )
    named = contract.GetRulesetRequest(version=1, merchant_id=MERCHANT)
    assert (await service.call("GetRuleset", named)).version == 1
    foreign = await refusal_in(service.call("GetRuleset", named, THEIRS))
    assert (foreign.reason, foreign.metadata["field"]) == (Reason.INVALID_FIELD, "merchant_id")


async def test_an_operator_names_the_merchant(service: Service) -> None:
    await service.save("a")
    request = contract.GetRulesetRequest(version=1)
    nameless = await refusal_in(service.call("GetRuleset", request, OPERATOR))
    assert (nameless.reason, nameless.metadata["field"]) == (Reason.INVALID_FIELD, "merchant_id")
    approve = contract.ApproveRulesetRequest(version=1, merchant_id=MERCHANT)
    assert (await service.call("ApproveRuleset", approve, OPERATOR)).approved_by == [service.keys[OPERATOR]]
    strange = contract.ApproveRulesetRequest(version=1, merchant_id="everybody")
    assert (await refusal_in(service.call("ApproveRuleset", strange, OPERATOR))).reason is Reason.INVALID_FIELD


@pytest.mark.parametrize(
    ("key", "reason"),
    [(PUBLISHABLE, Reason.API_KEY_SCOPE), ("sk_nobody", Reason.API_KEY_INVALID), ("", Reason.API_KEY_MISSING)],
)
async def test_other_keys_reach_nothing(service: Service, key: str, reason: Reason) -> None:
    for rpc, request in (
        ("GetActiveRuleset", contract.GetActiveRulesetRequest(merchant_id=MERCHANT)),
        ("CreateRuleset", contract.CreateRulesetRequest(ruleset=rules("a"))),
    ):
        assert (await refusal_in(service.call(rpc, request, key))).reason is reason


@pytest.mark.parametrize(
    "ruleset",
    [
        contract.Ruleset(rules=[contract.Rule(name="no action")]),
        contract.Ruleset(rules=[contract.Rule(name="r", block=contract.Block())] * 1001),
        contract.Ruleset(rules=[contract.Rule(name="r" * 1001, block=contract.Block())]),
        contract.Ruleset(rules=[contract.Rule(name="r", step_up=9, block=contract.Block())]),  # type: ignore[arg-type]
    ],
    ids=["action", "rules", "name", "enum"],
)
async def test_what_breaks_the_contract_is_refused_before_it_is_checked(
    service: Service, ruleset: contract.Ruleset
) -> None:
    request = contract.CreateRulesetRequest(ruleset=ruleset)
    assert (await refusal_in(service.call("CreateRuleset", request))).reason is Reason.INVALID_FIELD


async def test_the_store_out_of_reach_is_told_as_such(service: Service) -> None:
    service.store.down = True
    for rpc, request in (
        ("GetActiveRuleset", contract.GetActiveRulesetRequest()),
        ("CreateRuleset", contract.CreateRulesetRequest(ruleset=rules("a"))),
        ("ActivateRuleset", contract.ActivateRulesetRequest(version=1)),
    ):
        assert (await refusal_in(service.call(rpc, request))).reason is Reason.UNAVAILABLE


async def test_a_draft_is_tried_out_on_the_merchants_own_payments(service: Service) -> None:
    places = (Priority("a"), Priority("b"))
    await service.router.lists.set(MerchantId(MERCHANT), places, PriorityChange("operator", "request-1"))
    service.history.payments = [past(number, merchant_id=MERCHANT) for number in (1, 2)]
    service.history.payments.append(past(3, merchant_id=OTHER))
    service.history.payments.append(past(4, merchant_id=MERCHANT, currency="JPY", amount=500, approved=None))
    found = await service.call("SimulateRuleset", contract.SimulateRulesetRequest(ruleset=rules("b")))
    assert (found.active_version, found.version, found.payments, found.complete) == (0, 0, 3, True)
    assert (found.moved, found.approved_in_fact, found.open) == (2, 2, 1)
    assert [(each.psp_account, each.in_fact, each.before, each.after) for each in found.accounts] == [
        ("a", 3, 3, 1),
        ("b", 0, 0, 2),
    ]
    assert [(each.rule, each.payments) for each in found.after.rules] == [("euros", 2), ("", 1)]
    assert [(each.rule, each.payments) for each in found.before.rules] == [("", 3)]
    assert found.before.expected_approvals_ppm == found.after.expected_approvals_ppm > 0
    assert [(each.currency, each.payments, each.amount) for each in found.currencies] == [
        ("EUR", 2, 2100),
        ("JPY", 1, 500),
    ]
    first = found.examples[0]
    assert (first.payment_id, first.amount, first.before.psp_account, first.after.psp_account) == (
        "pay_1",
        1050,
        "a",
        "b",
    )
    assert (first.after.rule, first.after.reason) == ("euros", "priority 1 of 1")
    assert found.newest_time.ToSeconds() - found.oldest_time.ToSeconds() == 3 * 60
    assert not (await service.call("ListRulesets", contract.ListRulesetsRequest())).rulesets


async def test_a_saved_version_is_tried_out_for_whose_key_it_is(service: Service) -> None:
    await service.save("a")
    request = contract.SimulateRulesetRequest(version=1, days=7, payments_max=10)
    assert (await service.call("SimulateRuleset", request)).version == 1
    assert (await refusal_in(service.call("SimulateRuleset", request, THEIRS))).reason is Reason.RULESET_NOT_FOUND
    nameless = await refusal_in(service.call("SimulateRuleset", request, OPERATOR))
    assert (nameless.reason, nameless.metadata["field"]) == (Reason.INVALID_FIELD, "merchant_id")
    request.merchant_id = MERCHANT
    assert (await service.call("SimulateRuleset", request, OPERATOR)).version == 1
    assert (await refusal_in(service.call("SimulateRuleset", request, PUBLISHABLE))).reason is Reason.API_KEY_SCOPE


async def test_what_can_not_be_tried_out_is_refused(service: Service) -> None:
    broken = contract.SimulateRulesetRequest(ruleset=rules("a", condition='brand == "vissa"'))
    error, refusal = await refused(service.call("SimulateRuleset", broken))
    assert refusal.reason is Reason.RULESET_INVALID
    assert 'write "visa"' in (error.details() or "")
    for request in (
        contract.SimulateRulesetRequest(),
        contract.SimulateRulesetRequest(version=0),
        contract.SimulateRulesetRequest(version=1, days=366),
        contract.SimulateRulesetRequest(version=1, payments_max=10_001),
        contract.SimulateRulesetRequest(version=1, days=-1),
    ):
        assert (await refusal_in(service.call("SimulateRuleset", request))).reason is Reason.INVALID_FIELD
