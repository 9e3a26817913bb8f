"""Serves `payera.routing.v1.RulesetService`: what merchants, and operators for them, do with rulesets."""

from typing import Any, Final, Protocol

import grpc
from payera.routing.v1 import ruleset_service_pb2 as contract
from payera.routing.v1 import ruleset_service_pb2_grpc as stubs
from payera.routing.v1 import simulation_pb2

from mesh.context import current, remaining_ms
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from mesh.server import MeshServer
from router_svc.adapters.grpc.problem_messages import problem_message, refusal_of
from router_svc.adapters.grpc.ruleset_messages import (
    active_message,
    change_messages,
    checked_message,
    policy_message,
    record_message,
    ruleset_of,
    version_message,
)
from router_svc.adapters.grpc.simulation_messages import simulation_message
from router_svc.application.manage_rulesets import ManageRulesets, UnusableRulesetError
from router_svc.application.ports.ruleset_store import Actor
from router_svc.application.simulate_ruleset import Sample, SimulateRuleset
from router_svc.domain.priorities import MerchantId
from router_svc.domain.problems import Severity

SERVICE_NAME: Final = contract.DESCRIPTOR.services_by_name["RulesetService"].full_name
ANSWER_SECONDS: Final = 2.0
"""What is left of a call's time when a simulation ends: for its last page and its sums."""
_Context = grpc.aio.ServicerContext[Any, Any]


def add_ruleset_service(server: MeshServer, manage: ManageRulesets, simulate: SimulateRuleset) -> None:
    """Let a server serve rulesets; it needs an Authenticator."""
    service = RulesetService(manage, simulate)
    server.add(SERVICE_NAME, lambda target: stubs.add_RulesetServiceServicer_to_server(service, target))


class RulesetService(stubs.RulesetServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, manage: ManageRulesets, simulate: SimulateRuleset) -> None:
        self._manage = manage
        self._simulate = simulate

    async def CreateRuleset(  # noqa: N802 - named by the contract
        self,
        request: contract.CreateRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.RulesetVersion:
        """Save a ruleset as a new version."""
        draft = ruleset_of(request.ruleset)
        try:
            saved = await self._manage.create(_merchant_of(request), draft, request.note, _actor())
        except UnusableRulesetError as error:
            raise refusal_of(error) from error
        return checked_message(saved)

    async def CheckRuleset(  # noqa: N802
        self,
        request: contract.CheckRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.CheckRulesetResponse:
        """Check a ruleset."""
        draft = ruleset_of(request.ruleset)
        problems = await self._manage.check(_merchant_of(request), draft)
        return contract.CheckRulesetResponse(
            usable=all(problem.severity is not Severity.ERROR for problem in problems),
            problems=[problem_message(problem, draft) for problem in problems],
        )

    async def SimulateRuleset(  # noqa: N802
        self,
        request: contract.SimulateRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> simulation_pb2.RulesetSimulation:
        """Try a draft out on payments that were made."""
        draft = ruleset_of(request.ruleset) if request.HasField("ruleset") else request.version
        default = Sample()
        # What was looked at in time is an answer; a call whose deadline has passed is none.
        seconds = remaining_ms(current()) / 1_000 - ANSWER_SECONDS
        sample = Sample(request.days or default.days, request.payments_max or default.payments, seconds)
        try:
            return simulation_message(await self._simulate(_merchant_of(request), draft, sample))
        except UnusableRulesetError as error:
            raise refusal_of(error) from error

    async def GetRuleset(  # noqa: N802
        self,
        request: contract.GetRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.RulesetVersion:
        """Read one version."""
        return version_message(await self._manage.get(_merchant_of(request), request.version))

    async def ListRulesets(  # noqa: N802
        self,
        request: contract.ListRulesetsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ListRulesetsResponse:
        """List versions."""
        records, token = await self._manage.list(_merchant_of(request), request.page_size, request.page_token)
        return contract.ListRulesetsResponse(
            rulesets=[record_message(record) for record in records], next_page_token=token
        )

    async def GetActiveRuleset(  # noqa: N802
        self,
        request: contract.GetActiveRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ActiveRuleset:
        """Tell which version decides."""
        return active_message(await self._manage.active(_merchant_of(request)))

    async def ApproveRuleset(  # noqa: N802
        self,
        request: contract.ApproveRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.RulesetVersion:
        """Approve a version with the calling key."""
        return version_message(await self._manage.approve(_merchant_of(request), request.version, _actor()))

    async def ActivateRuleset(  # noqa: N802
        self,
        request: contract.ActivateRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.RulesetVersion:
        """Let a version decide."""
        try:
            activated = await self._manage.activate(
                _merchant_of(request), request.version, request.expected_active_version, _actor()
            )
        except UnusableRulesetError as error:
            raise refusal_of(error) from error
        return checked_message(activated)

    async def RollBackRuleset(  # noqa: N802
        self,
        request: contract.RollBackRulesetRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ActiveRuleset:
        """Go back to a version that was active before."""
        version = request.version if request.HasField("version") else None
        try:
            active = await self._manage.roll_back(
                _merchant_of(request), version, request.expected_active_version, _actor()
            )
        except UnusableRulesetError as error:
            raise refusal_of(error) from error
        return active_message(active)

    async def SetApprovalPolicy(  # noqa: N802
        self,
        request: contract.SetApprovalPolicyRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ApprovalPolicy:
        """Ask for approvals, or no more."""
        state = await self._manage.require_approval(_merchant_of(request), _actor(), required=request.approval_required)
        return policy_message(state)

    async def ListRoutingChanges(  # noqa: N802
        self,
        request: contract.ListRoutingChangesRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ListRoutingChangesResponse:
        """List what was done."""
        changes, token = await self._manage.changes(_merchant_of(request), request.page_size, request.page_token)
        return contract.ListRoutingChangesResponse(changes=change_messages(changes), next_page_token=token)


class _OfMerchant(Protocol):
    @property
    def merchant_id(self) -> str: ...


def _merchant_of(request: _OfMerchant) -> MerchantId:
    """Give the merchant that a call is for: the key's own, or the one that an operator names.

    Refuses with INVALID_FIELD when an operator names none, or a merchant's key another one.
    """
    principal = current().principal
    if principal is None:
        raise Refusal(Reason.API_KEY_MISSING)
    if not principal.merchant_id:
        if not request.merchant_id:
            raise _wrong_merchant("an operator's key belongs to no merchant: name the one that it is for.")
        return MerchantId(request.merchant_id)
    if request.merchant_id not in ("", principal.merchant_id):
        raise _wrong_merchant("a merchant's key is for its own rulesets alone: leave the field out.")
    return MerchantId(principal.merchant_id)


def _wrong_merchant(rule: str) -> Refusal:
    field = "merchant_id"
    return Refusal(Reason.INVALID_FIELD, violations=[Violation(field, rule)], field=field, detail=f"`{field}`: {rule}")


def _actor() -> Actor:
    call = current()
    return Actor("" if call.principal is None else call.principal.key_id, call.request_id)
