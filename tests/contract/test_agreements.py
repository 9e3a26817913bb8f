"""Agreements and authentications, as every store of payments keeps them; the fake and the stored procedures."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.ports import Disposition, View
from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import PaymentStatus
from gateway_svc.domain.stored_credentials import CredentialReason, CredentialUse, Initiator, StoredCredential
from gateway_svc.domain.three_ds import NO_CRYPTOGRAM, Cryptogram, Exemption, ThreeDsResult
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import APPROVED, AUTHORIZED, DECLINED, UNKNOWN, Subject, new_payment, subject
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

PROOF = b64encode(bytes(range(20))).decode()
RESULT = ThreeDsResult(
    "2.2.0", "C", "05", "c272b04f-6e7b-43a2-bb78-90f4fb94aa25", "Y", proven=True, cryptogram=Cryptogram(PROOF)
)
MIT = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING)
CIT = StoredCredential(Initiator.CUSTOMER, CredentialReason.RECURRING)
REJECTED = replace(DECLINED, psp_reference="psp_1")
ID = "483297487231504"


async def kept(subject: Subject, told: str = ID, **changes: Any) -> str:
    """Give the token of a card that an approved payment has put on file."""
    payment = await subject.begun(store_card=True, **changes)
    approved = replace(APPROVED, network_transaction_id=told)
    await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", approved, asked=False)
    return str(payment["token"])


async def agreed(subject: Subject, credential: StoredCredential, **changes: Any) -> View:
    view: View = (await subject.begun(stored_credential=credential, **changes))["stored_credential"]
    return view


async def test_what_came_with_a_payment_is_recorded_and_read_back(subject: Subject) -> None:
    credential = replace(MIT, network_transaction_id="MCC1234AB", network_transaction_date="0131")
    view = await subject.begun(stored_credential=credential, three_ds=RESULT, exemption=Exemption.TRANSACTION_RISK)
    assert view["stored_credential"] == {
        "initiator": "MERCHANT",
        "reason": "RECURRING",
        "use": "SUBSEQUENT",
        "network_transaction_id": "MCC1234AB",
        "network_transaction_date": "0131",
    }
    assert view["three_ds"] == {
        "version": "2.2.0",
        "eci": "05",
        "ds_transaction_id": RESULT.ds_transaction_id,
        "trans_status": "C",
        "challenge_status": "Y",
        "cryptogram": True,
    }
    assert view["exemption"] == "TRANSACTION_RISK"
    payment = payment_of(await subject.worker.load_payment(view["id"]))
    assert payment.stored_credential == replace(credential, use=CredentialUse.SUBSEQUENT)
    assert payment.three_ds == replace(RESULT, cryptogram=NO_CRYPTOGRAM)
    assert payment.exemption is Exemption.TRANSACTION_RISK
    assert await subject.store.get_payment(subject.merchant_id, view["id"]) == view


async def test_a_payment_without_them_says_nothing(subject: Subject) -> None:
    view = await subject.begun()
    assert (view["stored_credential"], view["three_ds"], view["exemption"]) == (None, None, None)
    payment = payment_of(await subject.worker.load_payment(view["id"]))
    assert (payment.stored_credential, payment.three_ds, payment.exemption) == (None, None, None)


async def test_the_first_use_of_a_card_stores_it_and_later_ones_use_it(subject: Subject) -> None:
    assert (await agreed(subject, CIT, store_card=True))["use"] == "FIRST"
    assert (await agreed(subject, CIT, card_on_file=True))["use"] == "SUBSEQUENT"
    assert (await agreed(subject, CIT, token=await kept(subject)))["use"] == "SUBSEQUENT"
    assert (await agreed(subject, replace(CIT, network_transaction_id=ID)))["use"] == "SUBSEQUENT"
    assert (await agreed(subject, MIT, card_on_file=True))["use"] == "SUBSEQUENT"


async def test_a_merchant_without_card_on_file_and_earlier_payment_is_refused(subject: Subject) -> None:
    operation, new = subject.operation(), new_payment(stored_credential=MIT, three_ds=RESULT)
    with pytest.raises(Refusal) as caught:
        await subject.store.begin_payment(operation, new)
    assert (caught.value.reason, caught.value.metadata) == (Reason.STORED_CREDENTIAL_UNKNOWN, {"token_id": new.token})
    assert (await subject.store.find_operation(operation)).disposition is Disposition.NONE
    assert await subject.worker.load_cryptogram(new.id) == NO_CRYPTOGRAM


async def test_a_kept_card_links_later_payments_to_the_one_that_put_it_there(subject: Subject) -> None:
    token = await kept(subject)
    for credential in (MIT, CIT):
        assert (await agreed(subject, credential, token=token))["network_transaction_id"] == ID
    named = replace(MIT, network_transaction_id="named01234")
    assert (await agreed(subject, named, token=token))["network_transaction_id"] == "named01234"
    foreign = replace(subject.operation(), merchant_id=subject.foreign_id)
    with pytest.raises(Refusal, match="STORED_CREDENTIAL_UNKNOWN"):
        await subject.store.begin_payment(foreign, new_payment(token=token, stored_credential=MIT))


async def test_an_agreement_from_elsewhere_goes_on_holding_for_a_kept_card(subject: Subject) -> None:
    credential = replace(MIT, network_transaction_id="MCC1234AB", network_transaction_date="0131")
    token = await kept(subject, "later56789", stored_credential=credential)
    view = await agreed(subject, MIT, token=token)
    assert (view["network_transaction_id"], view["network_transaction_date"]) == ("MCC1234AB", "0131")


@pytest.mark.parametrize("told", ["", "pay_1", "x" * 37, "a b c d e f"])
async def test_what_is_no_networks_id_links_nothing(subject: Subject, told: str) -> None:
    view = await agreed(subject, MIT, token=await kept(subject, told))
    assert "network_transaction_id" not in view


async def test_no_code_is_required_where_the_merchant_starts_a_payment(subject: Subject) -> None:
    await subject.require_codes()
    by_merchant = await subject.begun(stored_credential=replace(MIT, network_transaction_id=ID))
    by_shopper = await subject.begun(stored_credential=CIT)
    assert (by_merchant["code_required"], by_shopper["code_required"]) == (False, True)


@pytest.mark.parametrize("verdict", [APPROVED, AUTHORIZED, REJECTED], ids=["captured", "held", "declined"])
async def test_the_cryptogram_is_there_until_the_payment_is_settled(subject: Subject, verdict: AttemptVerdict) -> None:
    manual = "MANUAL" if verdict is AUTHORIZED else "AUTOMATIC"
    payment = await subject.begun(three_ds=RESULT, capture_method=manual)
    for _ in range(2):
        assert await subject.worker.load_cryptogram(payment["id"]) == RESULT.cryptogram
        await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", UNKNOWN, asked=True)
    await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", verdict, asked=False)
    assert await subject.worker.load_cryptogram(payment["id"]) == NO_CRYPTOGRAM


async def test_the_cryptogram_goes_along_a_cascade(subject: Subject) -> None:
    payment = await subject.begun(three_ds=RESULT)
    moving_on = replace(DECLINED, payment_status=PaymentStatus.PROCESSING, code="do_not_honor")
    await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", moving_on, asked=False)
    begun, view = await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
    assert begun
    assert payment_of(view).three_ds == replace(RESULT, cryptogram=NO_CRYPTOGRAM)
    assert await subject.worker.load_cryptogram(payment["id"]) == RESULT.cryptogram
    await subject.store.record_attempt(payment["id"], f"{payment['id']}_2", APPROVED, asked=False)
    assert await subject.worker.load_cryptogram(payment["id"]) == NO_CRYPTOGRAM


async def test_an_authentication_without_proof_needs_none(subject: Subject) -> None:
    payment = await subject.begun(three_ds=ThreeDsResult("2.2.0", "U", "07"))
    assert payment["three_ds"] == {"version": "2.2.0", "trans_status": "U", "eci": "07"}
    read = payment_of(payment).three_ds
    assert read is not None
    assert not read.proven
    assert await subject.worker.load_cryptogram(payment["id"]) == NO_CRYPTOGRAM


async def test_a_payment_that_a_rule_stops_leaves_no_cryptogram(subject: Subject) -> None:
    fingerprint = new_id("fpr")
    first = await subject.begun(fingerprint=fingerprint)
    stolen = replace(DECLINED, code="stolen_card", details={"network_code": "43"})
    await subject.store.record_attempt(first["id"], f"{first['id']}_1", stolen, asked=False)
    new = new_payment(fingerprint=fingerprint, three_ds=RESULT)
    begun = await subject.store.begin_payment(subject.operation(), new)
    assert begun.disposition is Disposition.DECLINED
    assert await subject.worker.load_cryptogram(new.id) == NO_CRYPTOGRAM
