import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.routing.v1 import simulation_pb2 as _simulation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Ruleset(_message.Message):
    __slots__ = ("rules", "otherwise")
    RULES_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    otherwise: Route
    def __init__(self, rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ..., otherwise: _Optional[_Union[Route, _Mapping]] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("name", "condition", "route", "split", "block", "step_up")
    class StepUp(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STEP_UP_UNSPECIFIED: _ClassVar[Rule.StepUp]
        REQUIRE: _ClassVar[Rule.StepUp]
        SKIP: _ClassVar[Rule.StepUp]
    STEP_UP_UNSPECIFIED: Rule.StepUp
    REQUIRE: Rule.StepUp
    SKIP: Rule.StepUp
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    STEP_UP_FIELD_NUMBER: _ClassVar[int]
    name: str
    condition: str
    route: Route
    split: Split
    block: Block
    step_up: Rule.StepUp
    def __init__(self, name: _Optional[str] = ..., condition: _Optional[str] = ..., route: _Optional[_Union[Route, _Mapping]] = ..., split: _Optional[_Union[Split, _Mapping]] = ..., block: _Optional[_Union[Block, _Mapping]] = ..., step_up: _Optional[_Union[Rule.StepUp, str]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("accounts", "strategy")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedScalarFieldContainer[str]
    strategy: Strategy
    def __init__(self, accounts: _Optional[_Iterable[str]] = ..., strategy: _Optional[_Union[Strategy, _Mapping]] = ...) -> None: ...

class Strategy(_message.Message):
    __slots__ = ("ranking", "success_weight", "explore_ppm")
    class Ranking(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RANKING_UNSPECIFIED: _ClassVar[Strategy.Ranking]
        PRIORITY: _ClassVar[Strategy.Ranking]
        SUCCESS_RATE: _ClassVar[Strategy.Ranking]
        LEAST_COST: _ClassVar[Strategy.Ranking]
        WEIGHTED: _ClassVar[Strategy.Ranking]
    RANKING_UNSPECIFIED: Strategy.Ranking
    PRIORITY: Strategy.Ranking
    SUCCESS_RATE: Strategy.Ranking
    LEAST_COST: Strategy.Ranking
    WEIGHTED: Strategy.Ranking
    RANKING_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    EXPLORE_PPM_FIELD_NUMBER: _ClassVar[int]
    ranking: Strategy.Ranking
    success_weight: int
    explore_ppm: int
    def __init__(self, ranking: _Optional[_Union[Strategy.Ranking, str]] = ..., success_weight: _Optional[int] = ..., explore_ppm: _Optional[int] = ...) -> None: ...

class Split(_message.Message):
    __slots__ = ("shares",)
    SHARES_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedCompositeFieldContainer[Share]
    def __init__(self, shares: _Optional[_Iterable[_Union[Share, _Mapping]]] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("account", "weight")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    account: str
    weight: int
    def __init__(self, account: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("severity", "kind", "field", "rule", "why", "instead", "position")
    class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SEVERITY_UNSPECIFIED: _ClassVar[Problem.Severity]
        ERROR: _ClassVar[Problem.Severity]
        WARNING: _ClassVar[Problem.Severity]
    SEVERITY_UNSPECIFIED: Problem.Severity
    ERROR: Problem.Severity
    WARNING: Problem.Severity
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Problem.Kind]
        TOO_LARGE: _ClassVar[Problem.Kind]
        NAME: _ClassVar[Problem.Kind]
        ACCOUNT: _ClassVar[Problem.Kind]
        SPLIT: _ClassVar[Problem.Kind]
        STRATEGY: _ClassVar[Problem.Kind]
        BLOCK: _ClassVar[Problem.Kind]
        CONDITION: _ClassVar[Problem.Kind]
        UNKNOWN_WORD: _ClassVar[Problem.Kind]
        NEVER_HOLDS: _ClassVar[Problem.Kind]
        HIDDEN: _ClassVar[Problem.Kind]
        NOT_SERVED: _ClassVar[Problem.Kind]
    KIND_UNSPECIFIED: Problem.Kind
    TOO_LARGE: Problem.Kind
    NAME: Problem.Kind
    ACCOUNT: Problem.Kind
    SPLIT: Problem.Kind
    STRATEGY: Problem.Kind
    BLOCK: Problem.Kind
    CONDITION: Problem.Kind
    UNKNOWN_WORD: Problem.Kind
    NEVER_HOLDS: Problem.Kind
    HIDDEN: Problem.Kind
    NOT_SERVED: Problem.Kind
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    INSTEAD_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    severity: Problem.Severity
    kind: Problem.Kind
    field: str
    rule: str
    why: str
    instead: str
    position: Position
    def __init__(self, severity: _Optional[_Union[Problem.Severity, str]] = ..., kind: _Optional[_Union[Problem.Kind, str]] = ..., field: _Optional[str] = ..., rule: _Optional[str] = ..., why: _Optional[str] = ..., instead: _Optional[str] = ..., position: _Optional[_Union[Position, _Mapping]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("line", "column", "excerpt")
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    EXCERPT_FIELD_NUMBER: _ClassVar[int]
    line: int
    column: int
    excerpt: str
    def __init__(self, line: _Optional[int] = ..., column: _Optional[int] = ..., excerpt: _Optional[str] = ...) -> None: ...

class RulesetVersion(_message.Message):
    __slots__ = ("version", "state", "ruleset", "note", "rule_count", "created_by", "create_time", "approved_by", "history", "warnings")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[RulesetVersion.State]
        DRAFT: _ClassVar[RulesetVersion.State]
        APPROVED: _ClassVar[RulesetVersion.State]
        ACTIVE: _ClassVar[RulesetVersion.State]
        RETIRED: _ClassVar[RulesetVersion.State]
    STATE_UNSPECIFIED: RulesetVersion.State
    DRAFT: RulesetVersion.State
    APPROVED: RulesetVersion.State
    ACTIVE: RulesetVersion.State
    RETIRED: RulesetVersion.State
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RULESET_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    RULE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    APPROVED_BY_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    version: int
    state: RulesetVersion.State
    ruleset: Ruleset
    note: str
    rule_count: int
    created_by: str
    create_time: _timestamp_pb2.Timestamp
    approved_by: _containers.RepeatedScalarFieldContainer[str]
    history: _containers.RepeatedCompositeFieldContainer[RoutingChange]
    warnings: _containers.RepeatedCompositeFieldContainer[Problem]
    def __init__(self, version: _Optional[int] = ..., state: _Optional[_Union[RulesetVersion.State, str]] = ..., ruleset: _Optional[_Union[Ruleset, _Mapping]] = ..., note: _Optional[str] = ..., rule_count: _Optional[int] = ..., created_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., approved_by: _Optional[_Iterable[str]] = ..., history: _Optional[_Iterable[_Union[RoutingChange, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ...) -> None: ...

class RoutingChange(_message.Message):
    __slots__ = ("number", "kind", "version", "replaced_version", "key_id", "request_id", "change_time")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[RoutingChange.Kind]
        CREATED: _ClassVar[RoutingChange.Kind]
        APPROVED: _ClassVar[RoutingChange.Kind]
        ACTIVATED: _ClassVar[RoutingChange.Kind]
        ROLLED_BACK: _ClassVar[RoutingChange.Kind]
        APPROVAL_REQUIRED: _ClassVar[RoutingChange.Kind]
        APPROVAL_WAIVER_REQUESTED: _ClassVar[RoutingChange.Kind]
        APPROVAL_WAIVED: _ClassVar[RoutingChange.Kind]
    KIND_UNSPECIFIED: RoutingChange.Kind
    CREATED: RoutingChange.Kind
    APPROVED: RoutingChange.Kind
    ACTIVATED: RoutingChange.Kind
    ROLLED_BACK: RoutingChange.Kind
    APPROVAL_REQUIRED: RoutingChange.Kind
    APPROVAL_WAIVER_REQUESTED: RoutingChange.Kind
    APPROVAL_WAIVED: RoutingChange.Kind
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REPLACED_VERSION_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    number: int
    kind: RoutingChange.Kind
    version: int
    replaced_version: int
    key_id: str
    request_id: str
    change_time: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., kind: _Optional[_Union[RoutingChange.Kind, str]] = ..., version: _Optional[int] = ..., replaced_version: _Optional[int] = ..., key_id: _Optional[str] = ..., request_id: _Optional[str] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ApprovalPolicy(_message.Message):
    __slots__ = ("approval_required", "waiver_requested_by")
    APPROVAL_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    WAIVER_REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    approval_required: bool
    waiver_requested_by: str
    def __init__(self, approval_required: _Optional[bool] = ..., waiver_requested_by: _Optional[str] = ...) -> None: ...

class ActiveRuleset(_message.Message):
    __slots__ = ("active_version", "previous_version", "newest_version", "ruleset_version", "approval_policy")
    ACTIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    NEWEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_POLICY_FIELD_NUMBER: _ClassVar[int]
    active_version: int
    previous_version: int
    newest_version: int
    ruleset_version: RulesetVersion
    approval_policy: ApprovalPolicy
    def __init__(self, active_version: _Optional[int] = ..., previous_version: _Optional[int] = ..., newest_version: _Optional[int] = ..., ruleset_version: _Optional[_Union[RulesetVersion, _Mapping]] = ..., approval_policy: _Optional[_Union[ApprovalPolicy, _Mapping]] = ...) -> None: ...

class CreateRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "ruleset", "note")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    RULESET_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    ruleset: Ruleset
    note: str
    def __init__(self, merchant_id: _Optional[str] = ..., ruleset: _Optional[_Union[Ruleset, _Mapping]] = ..., note: _Optional[str] = ...) -> None: ...

class CheckRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "ruleset")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    RULESET_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    ruleset: Ruleset
    def __init__(self, merchant_id: _Optional[str] = ..., ruleset: _Optional[_Union[Ruleset, _Mapping]] = ...) -> None: ...

class CheckRulesetResponse(_message.Message):
    __slots__ = ("usable", "problems")
    USABLE_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    usable: bool
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    def __init__(self, usable: _Optional[bool] = ..., problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ...) -> None: ...

class SimulateRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "ruleset", "version", "days", "payments_max")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    RULESET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    PAYMENTS_MAX_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    ruleset: Ruleset
    version: int
    days: int
    payments_max: int
    def __init__(self, merchant_id: _Optional[str] = ..., ruleset: _Optional[_Union[Ruleset, _Mapping]] = ..., version: _Optional[int] = ..., days: _Optional[int] = ..., payments_max: _Optional[int] = ...) -> None: ...

class GetRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "version")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    version: int
    def __init__(self, merchant_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListRulesetsRequest(_message.Message):
    __slots__ = ("merchant_id", "page_size", "page_token")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    page_size: int
    page_token: str
    def __init__(self, merchant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRulesetsResponse(_message.Message):
    __slots__ = ("rulesets", "next_page_token")
    RULESETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rulesets: _containers.RepeatedCompositeFieldContainer[RulesetVersion]
    next_page_token: str
    def __init__(self, rulesets: _Optional[_Iterable[_Union[RulesetVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetActiveRulesetRequest(_message.Message):
    __slots__ = ("merchant_id",)
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    def __init__(self, merchant_id: _Optional[str] = ...) -> None: ...

class ApproveRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "version")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    version: int
    def __init__(self, merchant_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ActivateRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "version", "expected_active_version")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ACTIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    version: int
    expected_active_version: int
    def __init__(self, merchant_id: _Optional[str] = ..., version: _Optional[int] = ..., expected_active_version: _Optional[int] = ...) -> None: ...

class RollBackRulesetRequest(_message.Message):
    __slots__ = ("merchant_id", "expected_active_version", "version")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ACTIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    expected_active_version: int
    version: int
    def __init__(self, merchant_id: _Optional[str] = ..., expected_active_version: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class SetApprovalPolicyRequest(_message.Message):
    __slots__ = ("merchant_id", "approval_required")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    approval_required: bool
    def __init__(self, merchant_id: _Optional[str] = ..., approval_required: _Optional[bool] = ...) -> None: ...

class ListRoutingChangesRequest(_message.Message):
    __slots__ = ("merchant_id", "page_size", "page_token")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    page_size: int
    page_token: str
    def __init__(self, merchant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRoutingChangesResponse(_message.Message):
    __slots__ = ("changes", "next_page_token")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[RoutingChange]
    next_page_token: str
    def __init__(self, changes: _Optional[_Iterable[_Union[RoutingChange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
