"""What a payment would cost, to the minor unit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.facts import FeeSchedule
from router_svc.domain.fees import expected_fee
from tests.unit.router_svc.observations import payment

SCHEDULE = FeeSchedule(
    percentage_ppm=14_000,
    fixed={"EUR": 25, "JPY": 30},
    scheme_ppm={"visa": 1_000, "amex": 9_000},
    cross_border_ppm=20_000,
    country="FR",
)


@pytest.mark.parametrize(
    ("changes", "fee"),
    [
        ({}, 150 + 25),
        ({"brand": "amex"}, 230 + 25),
        ({"brand": "jcb"}, 140 + 25),
        ({"currency": "JPY"}, 150 + 30),
        ({"currency": "USD"}, 150),
        ({"issuer_country": "US"}, 350 + 25),
        ({"issuer_country": ""}, 150 + 25),
        ({"amount": 0}, 25),
        # The shares are added up and rounded once: 33 * 0.015 = 0.495, 34 * 0.015 = 0.51, 100 * 0.015 = 1.5.
        ({"amount": 33}, 0 + 25),
        ({"amount": 34}, 1 + 25),
        ({"amount": 100}, 2 + 25),
    ],
)
def test_the_fee_is_the_sum_of_its_parts(changes: dict[str, Any], fee: int) -> None:
    assert expected_fee(SCHEDULE, payment(**changes)) == fee


def test_a_schedule_without_a_country_knows_no_border() -> None:
    schedule = FeeSchedule(percentage_ppm=10_000, cross_border_ppm=20_000)
    assert expected_fee(schedule, payment(issuer_country="US")) == 100


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_larger_payment_never_costs_less(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert 0 <= expected_fee(SCHEDULE, payment(amount=less)) <= expected_fee(SCHEDULE, payment(amount=more))
