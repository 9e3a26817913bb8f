"""`KeyManagementService`: what operators send and see."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import protovalidate
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from payera.vault.v1 import key_service_pb2 as messages

from mesh.context import CallContext, KeyScope, Principal, serving
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.clocks import FakeClock
from tests.fakes.vault.key_provider import FakeKeyProvider
from tests.support.vault_rotation import NUMBERS, RotationLab, fake_lab
from vault_svc.adapters.grpc.key_service import KeyManagementService, KeyUseCases
from vault_svc.application.key_inventory import KeyKind, ListKeys
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.ports.rotations import (
    RotationCounts,
    RotationKind,
    RotationOrder,
    RotationReport,
    RotationState,
)
from vault_svc.application.rotate_keys import RotateKeys
from vault_svc.domain.token import MerchantId

STARTED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ENDED = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
NO_CONTEXT = cast("Any", None)


@dataclass
class FakeRotations:
    """Tells what it is set to."""

    known: dict[RotationKind, RotationReport] = field(default_factory=dict)
    orders: list[RotationOrder] = field(default_factory=list)

    async def start(self, order: RotationOrder) -> RotationReport:
        self.orders.append(order)
        report = RotationReport(order.kind, RotationState.RUNNING, RotationCounts(), STARTED, None)
        return self.known.setdefault(order.kind, report)

    async def find(self, kind: RotationKind) -> RotationReport | None:
        return self.known.get(kind)


@pytest.fixture
async def lab() -> RotationLab:
    made = fake_lab()
    for number in NUMBERS[:2]:
        await made.keep(MerchantId(new_id("mer")), number)
    return made


@pytest.fixture
def rotations() -> FakeRotations:
    return FakeRotations()


@pytest.fixture
def service(lab: RotationLab, rotations: FakeRotations) -> KeyManagementService:
    return KeyManagementService(
        KeyUseCases(
            list=ListKeys(lab.provider, lab.inventory),
            rotate=RotateKeys(rotations, FakeClock()),
            rotations=rotations,
        )
    )


def call(principal: Principal | None) -> CallContext:
    return CallContext(request_id="req_1", caller="envoy", principal=principal, idempotency_key="", deadline=0.0)


async def test_keys_are_listed_page_by_page(service: KeyManagementService) -> None:
    listed: list[messages.VaultKey] = []
    token = ""
    for _ in range(10):
        page = await service.ListKeys(messages.ListKeysRequest(page_size=2, page_token=token), NO_CONTEXT)
        listed += page.keys
        token = page.next_page_token
        if not token:
            break
    kinds = [key.kind for key in listed]
    assert kinds == [
        messages.VaultKey.KEY_ENCRYPTION_KEY,
        messages.VaultKey.FINGERPRINT_KEY,
        messages.VaultKey.DATA_KEY,
        messages.VaultKey.DATA_KEY,
    ]
    wrapping, fingerprint, *_ = listed
    assert not wrapping.HasField("create_time")
    assert not wrapping.HasField("due_time")
    assert (fingerprint.state, fingerprint.algorithm, fingerprint.strength_bits) == ("active", "HMAC-SHA-256", 256)
    assert (fingerprint.owner, fingerprint.wrapped_by, fingerprint.rows) == ("payera", "fake_kek", 2)
    assert fingerprint.due_time.seconds > fingerprint.create_time.seconds > 0


async def test_no_key_s_bytes_are_in_an_answer(service: KeyManagementService, lab: RotationLab) -> None:
    answer = await service.ListKeys(messages.ListKeysRequest(), NO_CONTEXT)
    raw = answer.SerializeToString()
    for key in await lab.store.keys_to_rewrap("nothing", "", 0, 10):
        assert key.wrapped.wrapped not in raw
    for used in await lab.keys_of().fingerprint_keys():
        assert used.key.reveal() not in raw


async def test_a_lost_active_key_is_told_as_unknown_and_the_list_is_whole(
    service: KeyManagementService, lab: RotationLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: FakeKeyProvider) -> None:
        message = "KMS DescribeKey with kek_2: NotFoundException"
        raise KeyUnavailableError(message)

    operation_id = await lab.begin_import(MerchantId(new_id("mer")))
    monkeypatch.setattr(FakeKeyProvider, "keys", refuse)
    lab.provider.active_key_id = "kek_2"
    answer = await service.ListKeys(messages.ListKeysRequest(), NO_CONTEXT)
    active, former, *others = answer.keys
    assert (active.id, active.state, active.rows) == ("kek_2", "unknown", 0)
    assert (former.id, former.state, former.rows) == ("fake_kek", "unknown", 4)
    [imported] = [each for each in others if each.kind == messages.VaultKey.IMPORT_KEY]
    assert (imported.id, imported.wrapped_by) == (operation_id, "fake_kek")


async def test_a_page_token_of_another_list_is_refused(service: KeyManagementService) -> None:
    for token in ("x", "bWVyY2hhbnQv"):
        with pytest.raises(Refusal):
            await service.ListKeys(messages.ListKeysRequest(page_token=token), NO_CONTEXT)


async def test_a_rotation_is_ordered_in_the_name_of_the_operator_s_key(
    service: KeyManagementService, rotations: FakeRotations
) -> None:
    request = messages.RotateKeysRequest(kind=messages.VaultKey.DATA_KEY, merchant_id="mer_1", older_than_days=3)
    with serving(call(Principal("", KeyScope.OPERATOR, "key_op", live=False))):
        answer = await service.RotateKeys(request, NO_CONTEXT)
    [order] = rotations.orders
    assert (order.kind, order.merchant_id, order.requested_by) == (RotationKind.DATA_KEY, "mer_1", "key_op")
    assert (answer.kind, answer.state) == (messages.VaultKey.DATA_KEY, "running")
    assert answer.start_time.ToDatetime(tzinfo=UTC) == STARTED
    assert not answer.HasField("end_time")


async def test_a_merchant_is_refused_where_keys_belong_to_nobody(service: KeyManagementService) -> None:
    request = messages.RotateKeysRequest(kind=messages.VaultKey.FINGERPRINT_KEY, merchant_id="mer_1")
    with serving(call(None)), pytest.raises(Refusal) as refused:
        await service.RotateKeys(request, NO_CONTEXT)
    assert refused.value.reason is Reason.INVALID_FIELD


async def test_a_rotation_is_told_of_with_what_it_did(service: KeyManagementService, rotations: FakeRotations) -> None:
    kind = RotationKind.KEY_ENCRYPTION_KEY
    rotations.known[kind] = RotationReport(
        kind, RotationState.FINISHED, RotationCounts(keys_done=4, cards_done=5, keys_destroyed=6), STARTED, ENDED
    )
    request = messages.GetKeyRotationRequest(kind=messages.VaultKey.KEY_ENCRYPTION_KEY)
    answer = await service.GetKeyRotation(request, NO_CONTEXT)
    assert (answer.keys_done, answer.cards_done, answer.keys_destroyed) == (4, 5, 6)
    assert (answer.state, answer.end_time.ToDatetime(tzinfo=UTC)) == ("finished", ENDED)


async def test_of_a_rotation_that_never_was_there_is_nothing_to_tell(service: KeyManagementService) -> None:
    answer = await service.GetKeyRotation(
        messages.GetKeyRotationRequest(kind=messages.VaultKey.FINGERPRINT_KEY), NO_CONTEXT
    )
    assert (answer.kind, answer.state, answer.start_time) == (messages.VaultKey.FINGERPRINT_KEY, "none", Timestamp())


def test_every_kind_of_the_contract_is_one_of_the_inventory_and_all_but_one_can_be_rotated() -> None:
    kinds = {value.name.lower() for value in messages.VaultKey.Kind.DESCRIPTOR.values if value.number}
    assert kinds == {kind.value for kind in KeyKind}
    assert kinds - {KeyKind.IMPORT_KEY.value} == {kind.value for kind in RotationKind}


@pytest.mark.parametrize("request_of", [messages.RotateKeysRequest, messages.GetKeyRotationRequest])
def test_the_key_of_an_import_can_t_be_rotated(
    request_of: type[messages.RotateKeysRequest] | type[messages.GetKeyRotationRequest],
) -> None:
    protovalidate.validate(request_of(kind=messages.VaultKey.DATA_KEY))
    with pytest.raises(protovalidate.ValidationError):
        protovalidate.validate(request_of(kind=messages.VaultKey.IMPORT_KEY))
