"""What an account costs and takes: set by operators, told to the router in its own units."""

from dataclasses import replace
from typing import Any

import pytest
from payera.connectors.v1 import connector_service_pb2 as contract
from payera.psp.v1 import psp_account_service_pb2 as psp_pb2

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.adapters.grpc.account_messages import account_message, configuration_of
from psp_connectors.adapters.grpc.translation import account_capabilities
from psp_connectors.domain.capabilities import Capabilities, Feature
from psp_connectors.domain.fees import FeeSchedule
from tests.fakes.connectors.inbox import OPERATOR, Inbox, a_configuration, an_order
from tests.fakes.connectors.ports import account
from tests.fakes.connectors.signing_psp import CONNECTORS

FEES = FeeSchedule(
    basis_points=140,
    fixed={"EUR": 25, "JPY": 30},
    schemes={"mastercard": 15, "visa": 12},
    cross_border_basis_points=150,
    country="DE",
)
SCHEDULE: Any = {
    "basis_points": 140,
    "fixed_fees": [{"currency": "EUR", "minor_units": 25}, {"currency": "JPY", "minor_units": 30}],
    "scheme_fees": [{"brand": "mastercard", "basis_points": 15}, {"brand": "visa", "basis_points": 12}],
    "cross_border_fee": {"country": "DE", "basis_points": 150},
}


def told(fees: FeeSchedule | None = None, brands: tuple[str, ...] = ()) -> contract.AccountCapabilities:
    capabilities = CONNECTORS["signing"].capabilities
    features = frozenset({Feature.STORED_CREDENTIAL, Feature.EXTERNAL_THREE_DS})
    return account_capabilities(replace(account(), fees=fees, brands=brands), replace(capabilities, features=features))


def test_fees_are_told_in_millionths() -> None:
    assert told(FEES).fees == contract.AccountFees(
        percentage_ppm=14_000,
        fixed={"EUR": 25, "JPY": 30},
        scheme_ppm={"mastercard": 1_500, "visa": 1_200},
        cross_border_ppm=15_000,
        country="DE",
    )


def test_fees_that_nobody_knows_are_not_told_as_none() -> None:
    assert not told().HasField("fees")
    assert told(FeeSchedule()).HasField("fees")


def test_methods_and_features_are_told_as_the_connector_declares_them() -> None:
    assert list(told().methods) == ["card"]
    assert list(told().features) == ["external_three_ds", "stored_credential"]


def test_an_account_for_fewer_brands_than_its_connector_takes_is_told_so() -> None:
    known: Capabilities = CONNECTORS["signing"].capabilities
    assert tuple(told().brands) == known.brands
    assert list(told(brands=("visa",)).brands) == ["visa"]


async def test_fees_go_in_and_come_out_whole_and_reach_the_account() -> None:
    request = psp_pb2.CreatePspAccountRequest(account="acme", fee_schedule=SCHEDULE)
    assert configuration_of(request).fee_schedule == FEES
    inbox = Inbox()
    order = replace(an_order(), configuration=replace(a_configuration(), fee_schedule=FEES))
    record = await inbox.manage.create(order, OPERATOR)
    assert account_message(record, None).fee_schedule == psp_pb2.FeeSchedule(**SCHEDULE)
    made = inbox.registry.get("acme")
    assert made is not None
    assert made.fees == FEES
    await inbox.manage.configure("acme", a_configuration(), OPERATOR)
    changed = inbox.registry.get("acme")
    assert changed is not None
    assert changed.fees is None


def test_a_fee_from_before_there_were_more_parts_has_none_of_them() -> None:
    request = psp_pb2.ConfigurePspAccountRequest(fee_schedule={"basis_points": 140})
    assert configuration_of(request).fee_schedule == FeeSchedule(basis_points=140)
    assert configuration_of(psp_pb2.ConfigurePspAccountRequest()).fee_schedule is None


@pytest.mark.parametrize(
    ("fees", "field"),
    [
        ({"scheme_fees": [{"brand": "visa", "basis_points": 1}] * 2}, "fee_schedule.scheme_fees"),
        ({"fixed_fees": [{"currency": "EUR", "minor_units": 1}] * 2}, "fee_schedule.fixed_fees"),
    ],
)
def test_a_fee_that_is_there_twice_is_refused(fees: Any, field: str) -> None:
    with pytest.raises(Refusal) as caught:
        configuration_of(psp_pb2.ConfigurePspAccountRequest(fee_schedule=fees))
    assert caught.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in caught.value.violations] == [field]


async def test_a_networks_fee_is_for_a_brand_that_the_connector_takes() -> None:
    fees = replace(FEES, schemes={"visa": 12, "vissa": 12})
    inbox = Inbox()
    with pytest.raises(Refusal) as caught:
        await inbox.manage.create(
            replace(an_order(), configuration=replace(a_configuration(), fee_schedule=fees)), OPERATOR
        )
    assert [violation.field for violation in caught.value.violations] == ["fee_schedule.scheme_fees"]
    assert "visa" in caught.value.metadata["detail"]
    assert inbox.accounts.records == {}
