"""The table of what may follow a decline: whole, dated, and read with the network's word before everybody else's."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.cascade_policy import ROOT, files
from gateway_svc.domain.cascade_policy import (
    MAX_ATTEMPTS,
    CascadeSettings,
    Decline,
    cascadable_classes,
    cascadable_codes,
    day_of,
    max_attempts,
    may_cascade,
    row_for,
    table_of,
)
from gateway_svc.domain.cascade_table import (
    TABLE,
    TABLE_VERSION,
    UNJUDGED,
    VISA_OF_OCTOBER_2026,
    Cascade,
    DeclineClass,
    Follow,
    Row,
    Voice,
)
from gateway_svc.domain.decline_messages import DECLINE_MESSAGES
from psp_connectors.domain.network_codes import NETWORK_CODES, NETWORK_CODES_OF_BRAND
from tests.unit.gateway_svc.domain.payments import (
    ADVICE_CODES,
    AFTER_OCTOBER_2026,
    BEFORE_OCTOBER_2026,
    BRANDS,
    CODES,
    settings,
)
from tests.unit.gateway_svc.domain.payments import (
    NETWORK_CODES as DRAWN_NETWORK_CODES,
)

VISA_NEVER = ("04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3")
#: Codes that connectors translate on purpose into "unknown".
WITHOUT_MEANING = {"N8", "P5", "P6"}

declines = st.builds(
    Decline,
    code=st.sampled_from(CODES),
    network_code=st.sampled_from(DRAWN_NETWORK_CODES),
    advice_code=st.sampled_from(ADVICE_CODES),
    brand=st.sampled_from(BRANDS),
)
moments = st.sampled_from((0, BEFORE_OCTOBER_2026, AFTER_OCTOBER_2026))


def follows(code: str = "do_not_honor", network_code: str = "", advice_code: str = "", brand: str = "visa") -> set[str]:
    return set(row_for(Decline(code, network_code, advice_code, brand), AFTER_OCTOBER_2026).follows)


def test_every_code_of_the_vocabulary_has_a_row() -> None:
    judged = {row.code for row in TABLE if row.voice is Voice.CODE and not row.brand}
    assert sorted(set(DECLINE_MESSAGES) - judged) == []
    assert sorted(judged - set(DECLINE_MESSAGES)) == []


def test_every_network_code_that_connectors_know_has_a_row_for_all_brands_and_its_own() -> None:
    judged = {(row.brand, row.code) for row in TABLE if row.voice is Voice.NETWORK}
    assert sorted(set(NETWORK_CODES) - {code for brand, code in judged if not brand} - WITHOUT_MEANING) == []
    assert set(NETWORK_CODES_OF_BRAND) <= judged


def test_the_table_names_its_newest_rows() -> None:
    assert date.fromisoformat(TABLE_VERSION) >= max(row.effective_from for row in TABLE)


@pytest.mark.parametrize("name", sorted(files()))
def test_what_is_written_from_the_table_is_fresh(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == files()[name], "run python -m devstack.cascade_policy"


def test_two_rows_about_one_word_from_one_day_on_are_refused() -> None:
    row = Row(Voice.CODE, "do_not_honor", DeclineClass.SOFT)
    with pytest.raises(ValueError, match="from one day on"):
        table_of((row, row))


@pytest.mark.parametrize("network_code", VISA_NEVER)
def test_visas_category_1_stops_for_ever_whatever_the_psp_made_of_it(network_code: str) -> None:
    row = row_for(Decline("do_not_honor", network_code, "", "visa"), AFTER_OCTOBER_2026)
    assert (row.visa_category, row.never_again, row.follows) == (1, True, (Follow.STOP,))
    assert row.merchant_only is network_code.startswith("R")
    assert not may_cascade([Decline("issuer_unavailable", network_code, "", "visa")], AFTER_OCTOBER_2026)


@pytest.mark.parametrize("advice_code", ["03", "21"])
def test_mastercards_last_advice_stops_for_ever_whatever_else_was_said(advice_code: str) -> None:
    row = row_for(Decline("issuer_unavailable", "91", advice_code, "mastercard"), AFTER_OCTOBER_2026)
    assert (row.never_again, row.follows) == (True, (Follow.STOP,))
    assert row.merchant_only is (advice_code == "21")
    # It is Mastercard's word: of another brand it says nothing.
    assert follows("issuer_unavailable", "91", advice_code, "visa") == {Follow.RETRY, Follow.CASCADE}


@given(declines, moments)
def test_what_must_never_be_tried_again_moves_on_nowhere(decline: Decline, moment_us: int) -> None:
    row = row_for(decline, moment_us)
    if row.never_again or row.visa_category == 1:
        assert row.follows == (Follow.STOP,)
        assert not may_cascade([decline], moment_us)


def test_the_networks_word_goes_before_the_psps_and_a_brands_own_before_all_brands() -> None:
    assert follows("issuer_unavailable", "51") == {Follow.RETRY}
    assert follows("insufficient_funds", "91") == {Follow.RETRY, Follow.CASCADE}
    assert follows("do_not_honor", "91", "02", "mastercard") == {Follow.RETRY}
    assert follows("frequency_limit_exceeded", "65", brand="visa") == {Follow.RETRY}
    assert follows("frequency_limit_exceeded", "65", brand="mastercard") == {Follow.STEP_UP}
    # What no network knows is left to the next voice.
    assert follows("issuer_unavailable", "ZZ", "40", "mastercard") == {Follow.RETRY, Follow.CASCADE}


def test_a_word_that_nobody_has_judged_stops() -> None:
    assert row_for(Decline("never_heard_of"), AFTER_OCTOBER_2026) is UNJUDGED
    assert row_for(Decline(""), AFTER_OCTOBER_2026) is UNJUDGED
    assert not may_cascade([Decline("never_heard_of")], AFTER_OCTOBER_2026)
    assert not may_cascade([], AFTER_OCTOBER_2026)


def test_a_row_holds_from_midnight_utc_of_its_day() -> None:
    first_us = 1_792_886_400_000_000
    assert (day_of(first_us), day_of(first_us - 1)) == (VISA_OF_OCTOBER_2026, date(2026, 10, 24))
    not_permitted = Decline("transaction_not_permitted", "57", "", "visa")
    assert [row_for(not_permitted, moment).never_again for moment in (0, first_us - 1, first_us)] == [
        False,
        False,
        True,
    ]
    assert [row_for(not_permitted, moment).visa_category for moment in (0, first_us)] == [4, 1]
    fraud = Decline("issuer_suspected_fraud", "83", "", "visa")
    assert [row_for(fraud, moment).visa_category for moment in (first_us - 1, first_us)] == [4, 2]


def test_the_payments_moment_decides_which_row_holds() -> None:
    rows = (
        Row(Voice.CODE, "do_not_honor", DeclineClass.SOFT, cascade=Cascade.ONCE),
        Row(Voice.CODE, "do_not_honor", DeclineClass.SOFT, effective_from=VISA_OF_OCTOBER_2026),
    )
    declined = [Decline("do_not_honor")]
    assert may_cascade(declined, BEFORE_OCTOBER_2026, table=table_of(rows))
    assert not may_cascade(declined, AFTER_OCTOBER_2026, table=table_of(rows))


@given(st.lists(declines, min_size=1, max_size=4), moments, settings)
def test_a_merchants_settings_never_widen_the_policy(
    declined: list[Decline], moment_us: int, narrowed: CascadeSettings
) -> None:
    if may_cascade(declined, moment_us, narrowed):
        assert may_cascade(declined, moment_us)
        assert not narrowed.off
    assert max_attempts(narrowed) <= MAX_ATTEMPTS


def test_a_merchant_names_codes_or_classes() -> None:
    technical, soft = [Decline("issuer_unavailable")], [Decline("do_not_honor")]
    by_code = CascadeSettings(codes=frozenset({"do_not_honor"}))
    by_class = CascadeSettings(classes=frozenset({"T"}))
    both = CascadeSettings(codes=by_code.codes, classes=by_class.classes)
    allowed = {
        name: (may_cascade(technical, 0, narrowed), may_cascade(soft, 0, narrowed))
        for name, narrowed in (
            ("code", by_code),
            ("class", by_class),
            ("both", both),
            ("off", CascadeSettings(off=True)),
        )
    }
    assert allowed == {"code": (False, True), "class": (True, False), "both": (True, True), "off": (False, False)}


def test_what_a_merchant_may_name_is_what_moves_on() -> None:
    assert cascadable_classes() == {"H", "S", "T", "P"}
    assert {"do_not_honor", "issuer_unavailable"} <= cascadable_codes()
    assert not cascadable_codes() & {"stolen_card", "insufficient_funds", "psp_timeout"}


def test_an_unknown_outcome_is_never_retried() -> None:
    for code in ("psp_timeout", "connectors_timeout", "connectors_error"):
        assert follows(code) == {Follow.STOP}


def test_the_page_has_a_line_for_every_row() -> None:
    page = (Path(ROOT) / "docs" / "cascade-policy.md").read_text(encoding="utf-8")
    assert sum(line.startswith("| `") for line in page.splitlines()) == len(TABLE)
