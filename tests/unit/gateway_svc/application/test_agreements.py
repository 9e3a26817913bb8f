"""CreatePayment with agreements and authentications: what is refused, what is recorded, and what goes where."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.create_payment import PaymentWish
from gateway_svc.domain.payment import ThreeDsPreference
from gateway_svc.domain.routing import StepUp
from gateway_svc.domain.stored_credentials import CredentialReason, Initiator, StoredCredential
from gateway_svc.domain.three_ds import Cryptogram, Exemption, ThreeDsResult, ThreeDsState
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.peers import ranked
from tests.unit.gateway_svc.application.rig import MERCHANT, TOKEN, Rig

PROOF = b64encode(bytes(range(20))).decode()
RESULT = ThreeDsResult(
    "2.2.0", "Y", "05", "c272b04f-6e7b-43a2-bb78-90f4fb94aa25", proven=True, cryptogram=Cryptogram(PROOF)
)
WISH = PaymentWish(1050, "EUR", TOKEN)
MIT = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING, "483297487231504")
CIT = StoredCredential(Initiator.CUSTOMER, CredentialReason.CARD_ON_FILE)


async def refusal_of(rig: Rig, **changes: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await rig.create.execute(rig.call(), replace(WISH, **changes))
    return caught.value


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        (
            {"stored_credential": StoredCredential(None, None)},
            ["stored_credential.initiator", "stored_credential.reason"],
        ),
        ({"stored_credential": replace(MIT, reason=CredentialReason.CARD_ON_FILE)}, ["stored_credential.reason"]),
        ({"stored_credential": replace(CIT, reason=CredentialReason.NO_SHOW)}, ["stored_credential.reason"]),
        ({"stored_credential": MIT, "exemption": Exemption.LOW_VALUE}, ["exemption"]),
        ({"three_ds": RESULT, "exemption": Exemption.LOW_VALUE}, ["exemption"]),
    ],
)
async def test_what_fits_no_card_is_refused_before_anybody_is_asked(
    rig: Rig, changes: dict[str, Any], fields: list[str]
) -> None:
    refusal = await refusal_of(rig, **changes)
    assert (refusal.reason, [each.field for each in refusal.violations]) == (Reason.INVALID_FIELD, fields)
    assert fields[0] in refusal.metadata["detail"]
    assert (rig.store.calls, rig.router.asked, rig.connectors.sent) == ([], [], [])


async def test_an_authentication_that_does_not_fit_the_card_begins_nothing(rig: Rig) -> None:
    refusal = await refusal_of(rig, three_ds=replace(RESULT, eci="02"))
    assert [each.field for each in refusal.violations] == ["three_d_secure.eci"]
    assert PROOF not in f"{refusal} {refusal.violations}"
    assert (rig.store.payments, rig.router.asked, rig.connectors.sent) == ({}, [], [])


@pytest.mark.parametrize(
    ("text", "is_card"),
    [("4000056655665556", True), ("x_4000056655665556", True), ("371449635398431", True), ("483297487231504", False)],
)
async def test_an_id_that_is_a_cards_number_is_refused(rig: Rig, text: str, is_card: bool) -> None:
    credential = replace(MIT, network_transaction_id=text)
    if is_card:
        refusal = await refusal_of(rig, stored_credential=credential)
        assert refusal.reason is Reason.CARD_NUMBER_IN_TEXT
        assert refusal.metadata == {"field": "stored_credential.network_transaction_id"}
    else:
        await rig.create.execute(rig.call(), replace(WISH, stored_credential=credential))


async def test_the_merchant_needs_a_card_on_file_or_an_earlier_payment(rig: Rig) -> None:
    alone = replace(MIT, network_transaction_id="")
    refusal = await refusal_of(rig, stored_credential=alone)
    assert (refusal.reason, refusal.metadata) == (Reason.STORED_CREDENTIAL_UNKNOWN, {"token_id": TOKEN})
    assert (rig.store.payments, rig.connectors.sent) == ({}, [])
    rig.tokens.on_file.add(TOKEN)
    answer = await rig.create.execute(rig.call(), replace(WISH, stored_credential=alone))
    assert answer.view["stored_credential"] == {"initiator": "MERCHANT", "reason": "RECURRING", "use": "SUBSEQUENT"}


@pytest.mark.parametrize(
    ("changes", "initiator", "three_ds"),
    [
        ({}, Initiator.CUSTOMER, ThreeDsState.NONE),
        ({"stored_credential": CIT}, Initiator.CUSTOMER, ThreeDsState.NONE),
        ({"stored_credential": MIT}, Initiator.MERCHANT, ThreeDsState.NONE),
        ({"three_ds": RESULT}, Initiator.CUSTOMER, ThreeDsState.EXTERNAL),
    ],
)
async def test_the_router_is_told_who_starts_it_and_what_was_done(
    rig: Rig, changes: dict[str, Any], initiator: Initiator, three_ds: ThreeDsState
) -> None:
    await rig.create.execute(rig.call(), replace(WISH, **changes))
    (asked,) = rig.router.asked
    assert (asked.initiator, asked.three_ds) == (initiator, three_ds)


async def test_the_psp_gets_what_came_with_the_request_and_the_record_no_cryptogram(rig: Rig) -> None:
    wish = replace(WISH, three_ds=RESULT, stored_credential=CIT, store_card=True)
    answer = await rig.create.execute(rig.call(), wish)
    (payment,) = rig.connectors.payments
    assert payment.three_ds == RESULT
    assert payment.stored_credential == CIT
    assert PROOF not in repr((answer.view, rig.store.payments, rig.store.keys, payment, wish))
    assert answer.view["three_ds"]["eci"] == "05"
    # It was settled at once.
    assert rig.store.cryptograms == {}


@pytest.mark.parametrize(
    ("changes", "preference"),
    [
        ({}, ThreeDsPreference.CHALLENGE),
        ({"stored_credential": CIT}, ThreeDsPreference.CHALLENGE),
        ({"stored_credential": MIT}, ThreeDsPreference.AUTOMATIC),
        ({"three_ds": RESULT}, ThreeDsPreference.AUTOMATIC),
    ],
)
async def test_a_rule_challenges_shoppers_only_who_are_there_and_not_authenticated(
    rig: Rig, changes: dict[str, Any], preference: ThreeDsPreference
) -> None:
    rig.router.decision = ranked(["psp_a"], step_up=StepUp.REQUIRE)
    wish = replace(WISH, return_url="https://shop.example/back", **changes)
    answer = await rig.create.execute(rig.call(), wish)
    assert answer.view["three_ds_preference"] == preference


async def test_no_code_is_required_where_the_merchant_starts_it(rig: Rig) -> None:
    rig.store.need_codes.add(MERCHANT)
    answer = await rig.create.execute(rig.call(), replace(WISH, stored_credential=MIT))
    assert answer.view["code_required"] is False
    answer = await rig.create.execute(rig.call(), replace(WISH, stored_credential=CIT))
    assert answer.view["code_required"] is True
