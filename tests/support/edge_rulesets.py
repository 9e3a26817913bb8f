"""Stands for the router's public service behind the edge: takes down what it is asked."""

from typing import Any, Protocol

import grpc
from google.protobuf.message import Message
from payera.routing.v1 import ruleset_service_pb2, ruleset_service_pb2_grpc

#: The stubs leave open what a context is of.
Context = grpc.aio.ServicerContext[Any, Any]


class Log(Protocol):
    """Where calls are taken down."""

    def record(self, method: str, context: Context, request: Message) -> object:
        """Keep a call."""


def add_rulesets(log: Log, server: grpc.aio.Server) -> None:
    """Let a server stand for the router."""
    rulesets = FakeRulesets(log)  # type: ignore[abstract]  # the rest answers UNIMPLEMENTED
    ruleset_service_pb2_grpc.add_RulesetServiceServicer_to_server(rulesets, server)


class FakeRulesets(ruleset_service_pb2_grpc.RulesetServiceServicer):
    """Answers with what was sent."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def CreateRuleset(  # noqa: N802 - named by the contract
        self, request: ruleset_service_pb2.CreateRulesetRequest, context: Context
    ) -> ruleset_service_pb2.RulesetVersion:
        self._log.record("CreateRuleset", context, request)
        return ruleset_service_pb2.RulesetVersion(version=1, ruleset=request.ruleset, note=request.note)

    async def GetRuleset(  # noqa: N802
        self, request: ruleset_service_pb2.GetRulesetRequest, context: Context
    ) -> ruleset_service_pb2.RulesetVersion:
        self._log.record("GetRuleset", context, request)
        return ruleset_service_pb2.RulesetVersion(version=request.version)

    async def ActivateRuleset(  # noqa: N802
        self, request: ruleset_service_pb2.ActivateRulesetRequest, context: Context
    ) -> ruleset_service_pb2.RulesetVersion:
        self._log.record("ActivateRuleset", context, request)
        return ruleset_service_pb2.RulesetVersion(version=request.version)
