"""What a payment would cost at an account."""

from typing import Final

from router_svc.domain.facts import FeeSchedule, PaymentFacts

MILLION: Final = 1_000_000


def expected_fee(schedule: FeeSchedule, facts: PaymentFacts) -> int:
    """Give the fee of the payment, if it is approved, in minor units of its currency; never less than 0.

    The shares of the amount (percentage, scheme by brand, cross-border) are added up first and rounded once, half a
    unit up; the fixed fee comes on top. An issuer whose country is not known, or a schedule without a country, counts
    as domestic.
    """
    share_ppm = schedule.percentage_ppm + schedule.scheme_ppm.get(facts.brand, 0)
    if schedule.country and facts.issuer_country and facts.issuer_country != schedule.country:
        share_ppm += schedule.cross_border_ppm
    return (facts.amount * share_ppm + MILLION // 2) // MILLION + schedule.fixed.get(facts.currency, 0)
