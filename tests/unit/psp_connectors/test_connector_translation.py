"""The contract's enumerations and the domain's have the same members, and every detail comes through."""

import pytest
from google.protobuf.json_format import MessageToDict
from payera.connectors.v1 import connector_service_pb2 as contract
from payera.types.v1 import outcome_pb2

from psp_connectors.adapters.grpc import details as reading
from psp_connectors.adapters.grpc import translation
from psp_connectors.domain import details as domain
from psp_connectors.domain.cards import Address
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Check, Checks, NextAction, NextActionKind, Outcome, OutcomeKind
from tests.fakes.connectors.ports import card

UNSPECIFIED = {0}


@pytest.mark.parametrize(
    ("table", "enumeration", "members", "without_unspecified"),
    [
        (reading.INITIATORS, contract.Initiator, domain.Initiator, True),
        (reading.USES, contract.CredentialUse, domain.CredentialUse, True),
        (reading.REASONS, contract.CredentialReason, domain.CredentialReason, True),
        (reading.PREFERENCES, contract.ThreeDsPreference, domain.ThreeDsPreference, False),
        (reading.EXEMPTIONS, contract.Exemption, domain.Exemption, False),
    ],
)
def test_what_comes_in_is_known(table, enumeration, members, without_unspecified) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    assert set(table) == set(enumeration.values()) - (UNSPECIFIED if without_unspecified else set())
    assert set(table.values()) - {None} == set(members)


@pytest.mark.parametrize(
    ("table", "enumeration", "members"),
    [
        (translation.KINDS, outcome_pb2.OutcomeKind, OutcomeKind),
        (translation.CHECKS, outcome_pb2.Check, Check),
        (translation.NEXT_ACTIONS, outcome_pb2.NextActionKind, NextActionKind),
        (translation.OPERATIONS, contract.Operation, OperationKind),
    ],
)
def test_what_goes_out_is_known(table, enumeration, members) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    assert set(table) == set(members)
    assert set(table.values()) == set(enumeration.values()) - UNSPECIFIED


def test_details_come_through_whole() -> None:
    message = contract.PaymentDetails(
        merchant_reference="order 1",
        description="shoes",
        return_url="https://shop.example/back",
        customer={
            "id": "c1",
            "name": "Ada",
            "email": "ada@example.com",
            "ip_address": "192.0.2.1",
            "address": {"line1": "1 Street", "city": "Town", "postal_code": "12345", "country": "DE"},
        },
        stored_credential={
            "initiator": contract.INITIATOR_MERCHANT,
            "use": contract.CREDENTIAL_USE_SUBSEQUENT,
            "reason": contract.CREDENTIAL_REASON_RECURRING,
            "network_transaction_id": "123456789012345",
            "network_transaction_date": "1125",
        },
        three_ds={
            "version": "2.2.0",
            "eci": "05",
            "cryptogram": "AAAB",
            "ds_transaction_id": "ds1",
            "trans_status": "C",
            "challenge_status": "Y",
        },
        three_ds_preference=contract.THREE_DS_PREFERENCE_SKIP,
        exemption=contract.EXEMPTION_LOW_VALUE,
        level2={"customer_reference": "po 7", "tax_amount": 190},
    )
    assert reading.details(message) == domain.PaymentDetails(
        merchant_reference="order 1",
        description="shoes",
        return_url="https://shop.example/back",
        customer=domain.Customer(
            id="c1",
            name="Ada",
            email="ada@example.com",
            ip_address="192.0.2.1",
            address=Address(line1="1 Street", city="Town", postal_code="12345", country="DE"),
        ),
        stored_credential=domain.StoredCredential(
            initiator=domain.Initiator.MERCHANT,
            use=domain.CredentialUse.SUBSEQUENT,
            reason=domain.CredentialReason.RECURRING,
            network_transaction_id="123456789012345",
            network_transaction_date="1125",
        ),
        three_ds=domain.ThreeDsResult(
            version="2.2.0",
            eci="05",
            cryptogram=domain.Cryptogram("AAAB"),
            ds_transaction_id="ds1",
            trans_status="C",
            challenge_status="Y",
        ),
        three_ds_preference=domain.ThreeDsPreference.SKIP,
        exemption=domain.Exemption.LOW_VALUE,
        level2=domain.Level2(customer_reference="po 7", tax_amount=190),
    )


def test_nothing_given_is_no_details() -> None:
    assert reading.details(contract.PaymentDetails()) == domain.NO_DETAILS


def test_an_outcome_goes_out_whole() -> None:
    message = translation.outcome(
        Outcome(
            kind=OutcomeKind.ACTION_REQUIRED,
            psp_reference="p",
            network_code="51",
            advice_code="03",
            checks=Checks(Check.MATCH, Check.NO_MATCH, Check.UNAVAILABLE),
            next_action=NextAction(
                kind=NextActionKind.CHALLENGE, url="https://acs.example", method="POST", fields={"creq": "x"}
            ),
            expires_at=1_800_000_000,
            expected_within_seconds=60,
        )
    )
    assert (message.network_code, message.advice_code) == ("51", "03")
    checks = message.checks
    assert (checks.street, checks.postal_code, checks.card_code) == (
        outcome_pb2.CHECK_MATCH,
        outcome_pb2.CHECK_NO_MATCH,
        outcome_pb2.CHECK_UNAVAILABLE,
    )
    assert message.next_action.kind == outcome_pb2.NEXT_ACTION_KIND_CHALLENGE
    assert (message.next_action.url, message.next_action.method) == ("https://acs.example", "POST")
    assert dict(message.next_action.fields) == {"creq": "x"}
    assert (message.expires_at, message.expected_within_seconds) == (1_800_000_000, 60)


def test_checks_that_nobody_made_are_left_out() -> None:
    assert not translation.outcome(Outcome(kind=OutcomeKind.APPROVED, psp_reference="p")).HasField("checks")


def test_an_order_says_whether_the_code_is_required_and_what_repeats() -> None:
    for code_required in (False, True):
        for repetition in (False, True):
            request = contract.AuthorizeRequest(
                amount={"value": 1, "currency": "EUR"}, code_required=code_required, repetition=repetition
            )
            read = translation.authorization_order(request)
            assert (read.code_required, read.repetition) == (code_required, repetition)


def test_everything_that_may_be_shown_of_a_card_goes_out() -> None:
    shown = translation.outcome(Outcome(kind=OutcomeKind.APPROVED, card=card().summary)).card
    assert MessageToDict(shown, preserving_proto_field_name=True) == {
        "brand": "visa",
        "last4": "4242",
        "bin": "424242",
        "exp_month": 12,
        "exp_year": 2099,
        "networks": ["visa", "cartes_bancaires"],
        "funding": "debit",
        "issuer_country": "FR",
    }
