"""Agreements: who may start a payment for which reason, and what an id of a network may look like."""

from itertools import product

import pytest

from gateway_svc.domain.stored_credentials import (
    CredentialReason,
    Initiator,
    StoredCredential,
    faults_of_credential,
    initiator_of,
    is_id_of_visa,
)

SHOPPERS = {"CARD_ON_FILE", "RECURRING", "INSTALLMENT", "UNSCHEDULED"}
MERCHANTS = set(CredentialReason) - {"CARD_ON_FILE"}


@pytest.mark.parametrize(("initiator", "reason"), list(product(Initiator, CredentialReason)))
def test_a_reason_fits_who_starts_the_payment_or_is_refused(initiator: Initiator, reason: CredentialReason) -> None:
    allowed = SHOPPERS if initiator is Initiator.CUSTOMER else MERCHANTS
    faults = list(faults_of_credential(StoredCredential(initiator, reason)))
    assert [fault.field for fault in faults] == ([] if reason in allowed else ["stored_credential.reason"])
    for fault in faults:
        assert reason in fault.rule
        # The remedy: what could be sent instead.
        assert all(word in fault.rule for word in allowed)


def test_what_is_left_out_is_asked_for() -> None:
    faults = {fault.field: fault.rule for fault in faults_of_credential(StoredCredential(None, None))}
    assert set(faults) == {"stored_credential.initiator", "stored_credential.reason"}
    assert "CUSTOMER or MERCHANT" in faults["stored_credential.initiator"]
    assert all(reason in faults["stored_credential.reason"] for reason in CredentialReason)


def test_a_date_belongs_to_an_id() -> None:
    dated = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING, network_transaction_date="0131")
    assert [fault.field for fault in faults_of_credential(dated)] == ["stored_credential.network_transaction_date"]
    whole = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING, "MCC1234AB", "0131")
    assert list(faults_of_credential(whole)) == []


def test_without_an_agreement_the_shopper_starts_a_payment() -> None:
    assert initiator_of(None) is Initiator.CUSTOMER
    assert initiator_of(StoredCredential(Initiator.MERCHANT, CredentialReason.NO_SHOW)) is Initiator.MERCHANT


@pytest.mark.parametrize(
    ("text", "visas"),
    [
        ("483297487231504", True),
        ("371449635398431", False),
        ("4000056655665556", False),
        ("MCC1234AB", False),
        ("", False),
    ],
)
def test_ids_of_visa_have_15_digits_that_are_no_american_express_card(text: str, visas: bool) -> None:
    assert is_id_of_visa(text) is visas
