"""Agreements and authentications on their way in and out: read whole, shown without the cryptogram, sealed at rest."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from payera.gateway.v1 import payment_pb2
from payera.gateway.v1 import payment_service_pb2 as messages

from gateway_svc.adapters.grpc.messages import payment_message
from gateway_svc.adapters.grpc.requests import money_call, payment_wish
from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal, SealBrokenError
from gateway_svc.application.agreements import credential_view, result_view
from gateway_svc.domain.stored_credentials import CredentialReason, CredentialUse, Initiator, StoredCredential
from gateway_svc.domain.three_ds import Cryptogram, Exemption, ThreeDsResult
from mesh.context import CallContext, KeyScope, Principal, serving
from mesh.keyring import create_keyring
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.validation import Validation
from tests.unit.gateway_svc.application.rig import Rig

PROOF = b64encode(bytes(range(20))).decode()
DS_ID = "c272b04f-6e7b-43a2-bb78-90f4fb94aa25"
SECURE = {
    "version": "2.2.0",
    "eci": "05",
    "cryptogram": PROOF,
    "ds_transaction_id": DS_ID,
    "trans_status": "C",
    "challenge_status": "Y",
}
CREDENTIAL = {
    "initiator": payment_pb2.StoredCredential.MERCHANT,
    "reason": payment_pb2.StoredCredential.NO_SHOW,
    "network_transaction_id": "MCC1234AB",
    "network_transaction_date": "0131",
}
MIT = StoredCredential(Initiator.MERCHANT, CredentialReason.NO_SHOW, "MCC1234AB", "0131")
RESULT = ThreeDsResult("2.2.0", "C", "05", DS_ID, "Y", proven=True, cryptogram=Cryptogram(PROOF))


def request(**fields: object) -> messages.CreatePaymentRequest:
    return messages.CreatePaymentRequest(amount={"value": 1, "currency": "EUR"}, token="tok_1", **fields)  # type: ignore[arg-type]


@pytest.fixture
def called() -> Iterator[CallContext]:
    one = CallContext("req_1", "envoy", Principal("mer_1", KeyScope.SECRET, "key_1", live=False), "key", 1234.5)
    with serving(one):
        yield one


def test_what_a_request_says_is_read() -> None:
    wish = payment_wish(request(stored_credential=CREDENTIAL, three_d_secure=SECURE, exemption="SECURE_CORPORATE"))
    assert (wish.stored_credential, wish.three_ds, wish.exemption) == (MIT, RESULT, Exemption.SECURE_CORPORATE)
    assert wish.three_ds is not None
    assert wish.three_ds.cryptogram.reveal() == PROOF
    nothing = payment_wish(request())
    assert (nothing.stored_credential, nothing.three_ds, nothing.exemption) == (None, None, None)
    empty = payment_wish(request(stored_credential={}))
    assert empty.stored_credential == StoredCredential(None, None)


@pytest.mark.usefixtures("called")
def test_each_of_them_makes_another_request_of_it() -> None:
    rpc = "payera.gateway.v1.PaymentService/CreatePayment"
    requests = [
        request(),
        request(stored_credential=CREDENTIAL),
        request(stored_credential=CREDENTIAL | {"network_transaction_id": "MCC1234AC"}),
        request(three_d_secure=SECURE),
        request(three_d_secure=SECURE | {"cryptogram": b64encode(bytes(20)).decode()}),
        request(exemption="LOW_VALUE"),
    ]
    hashes = {money_call(rpc, each).request_hash for each in requests}
    assert len(hashes) == len(requests)
    # The same body again is the same request.
    assert money_call(rpc, request(three_d_secure=SECURE)).request_hash in hashes


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        ({"stored_credential": CREDENTIAL}, ""),
        ({"three_d_secure": SECURE}, ""),
        ({"stored_credential": CREDENTIAL | {"initiator": 7}}, "stored_credential.initiator"),
        ({"stored_credential": CREDENTIAL | {"reason": 99}}, "stored_credential.reason"),
        ({"stored_credential": {"network_transaction_id": "a b"}}, "stored_credential.network_transaction_id"),
        ({"stored_credential": {"network_transaction_id": "x" * 65}}, "stored_credential.network_transaction_id"),
        *(
            ({"stored_credential": {"network_transaction_date": date}}, "stored_credential.network_transaction_date")
            for date in ("1301", "0132", "0000", "131")
        ),
        *(
            ({"three_d_secure": SECURE | {"version": version}}, "three_d_secure.version")
            for version in ("", "1.0.2", "2")
        ),
        ({"three_d_secure": SECURE | {"eci": "5"}}, "three_d_secure.eci"),
        ({"three_d_secure": SECURE | {"cryptogram": "A" * 65}}, "three_d_secure.cryptogram"),
        ({"three_d_secure": SECURE | {"ds_transaction_id": "1"}}, "three_d_secure.ds_transaction_id"),
        ({"three_d_secure": SECURE | {"trans_status": "X"}}, "three_d_secure.trans_status"),
        ({"three_d_secure": SECURE | {"trans_status": ""}}, "three_d_secure.trans_status"),
        ({"three_d_secure": SECURE | {"challenge_status": "A"}}, "three_d_secure.challenge_status"),
        ({"exemption": 9}, "exemption"),
    ],
)
def test_the_contract_names_what_breaks_its_rules_and_repeats_no_value(fields: dict[str, object], broken: str) -> None:
    validation = Validation()
    if not broken:
        validation.check(request(**fields))
        return
    with pytest.raises(Refusal) as caught:
        validation.check(request(**fields))
    assert caught.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in caught.value.violations] == [broken]
    assert "A" * 65 not in repr((caught.value.metadata, caught.value.violations))


async def test_what_is_shown_has_all_but_the_cryptogram() -> None:
    rig = Rig()
    view = dict((await rig.pay()).view)
    recorded = credential_view(MIT) | {"use": CredentialUse.SUBSEQUENT.value}
    view |= {"stored_credential": recorded, "three_ds": result_view(RESULT), "exemption": "LOW_VALUE"}
    shown = payment_message(view)
    assert shown.stored_credential == payment_pb2.StoredCredential(**CREDENTIAL)  # type: ignore[arg-type]
    secure = {name: text for name, text in SECURE.items() if name != "cryptogram"}
    assert shown.three_d_secure == payment_pb2.ThreeDSecureSummary(**secure)
    assert shown.exemption == payment_pb2.Exemption.LOW_VALUE
    assert PROOF not in f"{shown}{view}"


async def test_a_payment_that_said_nothing_shows_nothing_and_an_old_answer_neither() -> None:
    rig = Rig()
    view = dict((await rig.pay()).view)
    for name in ("", "stored_credential", "three_ds", "exemption"):
        view.pop(name, None)
        shown = payment_message(view)
        assert not shown.HasField("stored_credential")
        assert not shown.HasField("three_d_secure")
        assert not shown.HasField("exemption")


def test_a_seal_opens_for_its_own_payment_only_and_shows_nothing(tmp_path: Path) -> None:
    create_keyring(tmp_path / "keyring.json")
    seal = CryptogramSeal(tmp_path / "keyring.json")
    sealed = seal.seal(Cryptogram(PROOF), "pay_1")
    assert PROOF.encode() not in sealed
    assert bytes(range(20)) not in sealed
    assert seal.seal(Cryptogram(PROOF), "pay_1") != sealed
    # Another process with the same keyring sends the next attempt.
    assert CryptogramSeal(tmp_path / "keyring.json").open(sealed, "pay_1") == Cryptogram(PROOF)
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, payment_id in ((sealed, "pay_2"), (changed, "pay_1"), (b"", "pay_1"), (b"\x02" + sealed[1:], "pay_1")):
        with pytest.raises(SealBrokenError, match=payment_id):
            seal.open(wrong, payment_id)
    create_keyring(tmp_path / "other.json")
    with pytest.raises(SealBrokenError):
        CryptogramSeal(tmp_path / "other.json").open(sealed, "pay_1")


def test_without_a_keyring_nothing_is_sealed_and_the_call_can_be_repeated(tmp_path: Path) -> None:
    seal = CryptogramSeal(tmp_path / "keyring.json")
    with pytest.raises(Refusal, match="UNAVAILABLE"):
        seal.seal(Cryptogram(PROOF), "pay_1")
    create_keyring(tmp_path / "keyring.json")
    assert seal.open(seal.seal(Cryptogram(PROOF), "pay_1"), "pay_1") == Cryptogram(PROOF)
