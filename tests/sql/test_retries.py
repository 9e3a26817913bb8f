"""The networks' rules about retries: counted per merchant and card, under a lock, before anything is begun."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway_svc.domain.cascade_policy import MAX_ATTEMPTS, MAX_CASCADE_SECONDS, Decline
from gateway_svc.domain.cascade_table import TABLE, Voice
from gateway_svc.domain.retry_governor import LIMITS, is_never_again, limits_of
from mesh.identifiers import new_id
from tests.sql.world import Caller, Row, World, hashed, in_parallel

VISA_REATTEMPTS = 20
MASTERCARD_A_DAY = 10
MASTERCARD_OF_ONE_AMOUNT = 35
MIT = {"initiator": "MERCHANT", "reason": "RECURRING", "network_transaction_id": "483297487231504"}
CIT = {"initiator": "CUSTOMER", "reason": "CARD_ON_FILE"}
SOFT: dict[str, Any] = {"code": "insufficient_funds", "details": {"network_code": "51"}}


class Card:
    """One card of a merchant, and what is done with it."""

    def __init__(self, world: World, brand: str = "visa", **changes: Any) -> None:
        self.world = world
        self.values = {"brand": brand, "fingerprint": new_id("fpr")} | changes

    def begin(self, **changes: Any) -> Row:
        return self.world.begin(**{"token": new_id("tok")} | self.values | changes)

    def tried(self, status: str = "DECLINED", next_status: str = "DECLINED", **outcome: Any) -> Row:
        """Begin a payment and record its one attempt, declined when nothing is said."""
        amount = outcome.pop("amount", 100)
        begun = self.begin(amount=amount)
        assert begun["disposition"] == "CREATED", begun["payment"]["decline"]
        return self.world.record(begun["payment"], status, next_status, **outcome)

    def declined(self, **outcome: Any) -> Row:
        return self.tried(**SOFT | outcome)

    def approved(self) -> Row:
        return self.tried("APPROVED", "AUTHORIZED", psp_reference="psp_1")

    def refusal(self, **changes: Any) -> str:
        begun = self.begin(**changes)
        return str(begun["payment"]["decline"]["code"]) if begun["disposition"] == "DECLINED" else ""

    def rows(self, table: str) -> list[Row]:
        key = self.values["fingerprint"] or self.values.get("token")
        return self.world.rows(
            f"SELECT * FROM gateway.{table} WHERE merchant_id = %s AND card_key = %s", self.world.merchant_id, key
        )

    def pass_time(self, interval: str) -> None:
        """Let what is recorded of the card be older."""
        key = self.values["fingerprint"]
        for table, columns in (
            ("retry_attempt", ("begun_at",)),
            ("retry_card", ("declined_at", "approved_at", "updated_at")),
            ("retry_stop", ("declined_at",)),
        ):
            changes = ", ".join(f"{column} = {column} - interval '{interval}'" for column in columns)
            self.world.rows(f"UPDATE gateway.{table} SET {changes} WHERE card_key = %s RETURNING 1", key)


@pytest.fixture
def visa(world: World) -> Card:
    return Card(world)


@pytest.fixture
def mastercard(world: World) -> Card:
    return Card(world, "mastercard")


def test_a_card_that_is_approved_is_written_down_nowhere(world: World, visa: Card) -> None:
    visa.approved()
    for table in ("retry_card", "retry_attempt", "retry_stop"):
        assert visa.rows(table) == []
    assert world.rows("SELECT card_key FROM gateway.payment") == [{"card_key": visa.values["fingerprint"]}]


def test_visa_allows_20_reattempts_after_the_first_decline(visa: Card) -> None:
    for _ in range(1 + VISA_REATTEMPTS):
        visa.declined()
    assert visa.refusal() == "retry_limit_reached"
    assert visa.refusal(amount=7, currency="USD") == "retry_limit_reached"
    assert len(visa.rows("retry_attempt")) == VISA_REATTEMPTS


def test_a_refused_payment_is_declined_unsent_and_tells_so_everywhere(world: World, visa: Card) -> None:
    visa.declined(code="stolen_card", details={"network_code": "43"})
    begun = visa.begin(key="k", reference="order-1")
    payment = begun["payment"]
    assert begun["disposition"] == "DECLINED"
    assert begun["answer"] == payment
    assert (payment["status"], payment["attempts"], payment["seq"]) == ("DECLINED", [], 2)
    assert payment["decline"] == {"code": "do_not_retry", "raw_code": ""}
    assert world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"] == payment
    assert world.gateway.call("load_payment", payment["id"])["payment"] == payment
    created, declined = world.events(payment["id"])
    assert [each["event_type"] for each in (created, declined)] == ["PAYMENT_CREATED", "PAYMENT_DECLINED"]
    assert (created["data"]["payment"]["status"], created["data"]["payment"]["attempts"]) == ("PROCESSING", [])
    assert declined["data"] == {"payment": payment, "attempt": None, "modification": None}
    assert world.ledger(payment["id"]) == {}
    found = world.gateway.call("find_operation", world.merchant_id, "k", hashed("body"))
    assert (found["disposition"], found["answer"]) == ("REPLAYED", payment)
    again = visa.begin(key="k", reference="order-1")
    assert (again["disposition"], again["answer"]) == ("REPLAYED", payment)
    assert world.worker.call_many("stalled_work", 0, 100) == []
    with world.refused("MERCHANT_REFERENCE_TAKEN", payment_id=payment["id"]):
        visa.begin(reference="order-1")
    with world.refused("PAYMENT_NOT_VOIDABLE", status="DECLINED", captured=0):
        world.modify("VOID", payment["id"])


def test_a_cascade_that_is_forbidden_ends_the_payment(world: World, visa: Card) -> None:
    for _ in range(VISA_REATTEMPTS):
        visa.declined()
    last = visa.begin(key="k")["payment"]
    last = world.record(last, "DECLINED", "PROCESSING", **SOFT)["payment"]
    row = world.cascade(last, "psp_b")
    ended = row["payment"]
    assert row["begun"] is False
    assert (ended["status"], ended["decline"]["code"], len(ended["attempts"])) == ("DECLINED", "retry_limit_reached", 1)
    assert ended["attempts"][0]["code"] == "insufficient_funds"
    assert world.event_types(last["id"]) == ["PAYMENT_CREATED", "ATTEMPT_FAILED", "PAYMENT_DECLINED"]
    assert world.key_row("k")["answer"] == ended  # type: ignore[index]
    assert world.worker.call_many("stalled_work", 0, 100) == []
    # Another run of the same step is told so, and changes nothing.
    with world.unchanged():
        assert world.cascade(ended, "psp_b") == {"begun": False, "payment": ended}


def test_attempts_of_a_cascade_count_like_others_at_every_psp(world: World, visa: Card) -> None:
    payment = visa.begin()["payment"]
    for account in ("psp_b", "psp_c"):
        payment = world.record(payment, "DECLINED", "PROCESSING", **SOFT)["payment"]
        payment = world.cascade(payment, account)["payment"]
    assert [row["ordinal"] for row in visa.rows("retry_attempt")] == [2, 3]


@pytest.mark.parametrize("network_code", ["04", "07", "12", "14", "15", "41", "43", "46", "57"])
def test_visas_category_1_blocks_the_card_for_the_merchant_for_ever(
    world: World, visa: Card, network_code: str
) -> None:
    visa.declined(code="do_not_honor", details={"network_code": network_code})
    assert visa.refusal() == "do_not_retry"
    visa.pass_time("31 days" if network_code == "57" else "4000 days")
    assert world.worker.call("purge_retries", 100)["purged"] == 0
    assert visa.refusal() == "do_not_retry"
    # Another card, and the same card at another merchant, are nobody's business here.
    assert Card(world).refusal() == ""
    other_id = new_id("mer")
    world.gateway.call("create_merchant", other_id, "Other")
    assert visa.refusal(merchant_id=other_id) == ""


def test_mastercards_last_advice_blocks_the_card(mastercard: Card, visa: Card) -> None:
    for card in (mastercard, visa):
        card.declined(code="do_not_honor", details={"network_code": "05", "advice_code": "03"})
    assert mastercard.refusal() == mastercard.refusal(stored_credential=MIT) == "do_not_retry"
    assert visa.refusal() == visa.refusal(stored_credential=MIT) == ""


@pytest.mark.parametrize(
    ("brand", "said"),
    [
        *(("visa", {"details": {"network_code": code}}) for code in ("R0", "R1", "R3")),
        ("visa", {"code": "payment_stopped"}),
        ("visa", {"code": "recurring_revoked"}),
        ("mastercard", {"details": {"network_code": "05", "advice_code": "21"}}),
    ],
    ids=["R0", "R1", "R3", "payment_stopped", "recurring_revoked", "21"],
)
@pytest.mark.parametrize("declined_by_merchant", [False, True])
def test_an_ended_agreement_stops_what_the_merchant_starts_and_nothing_else(
    world: World, brand: str, said: dict[str, Any], declined_by_merchant: bool
) -> None:
    card = Card(world, brand)
    credential = {"stored_credential": MIT} if declined_by_merchant else {}
    world.record(card.begin(**credential)["payment"], "DECLINED", "DECLINED", **{"code": "do_not_honor"} | said)
    for shoppers in (None, CIT):
        assert card.refusal(stored_credential=shoppers) == ""
    assert card.refusal(stored_credential=MIT) == "do_not_retry"
    # Nothing that the shopper pays meanwhile lets the merchant charge again.
    card.approved()
    card.pass_time("4000 days")
    assert card.refusal(stored_credential=MIT) == "do_not_retry"


def test_without_the_networks_code_an_unmistakable_word_blocks_a_visa_card(visa: Card, mastercard: Card) -> None:
    for card in (visa, mastercard):
        card.declined(code="stolen_card", details={})
    assert visa.refusal() == "do_not_retry"
    assert mastercard.refusal() == ""


def test_a_word_that_did_not_forbid_when_it_was_said_forbids_nothing_later(world: World, visa: Card) -> None:
    visa.declined(code="transaction_not_permitted", details={"network_code": "57"})
    world.rows(
        "UPDATE gateway.retry_stop SET declined_at = '2026-10-24 23:59:59+00' WHERE card_key = %s RETURNING 1",
        visa.values["fingerprint"],
    )
    assert visa.refusal() == ""


def test_a_card_is_known_by_its_fingerprint_and_by_its_token_where_it_has_none(world: World) -> None:
    old = Card(world, fingerprint="", token="tok_old")
    old.declined(code="stolen_card", details={"network_code": "43"})
    assert old.refusal() == "do_not_retry"
    assert old.refusal(token="tok_new") == ""
    assert old.refusal(token="tok_old", fingerprint="fpr_1") == ""
    assert old.refusal(fingerprint=None) == "do_not_retry"


def test_an_approval_ends_visas_count_and_a_first_try_after_it_is_no_reattempt(visa: Card) -> None:
    for _ in range(1 + VISA_REATTEMPTS):
        visa.declined()
    visa.pass_time("29 days")
    assert visa.refusal() == "retry_limit_reached"
    visa.pass_time("2 days")
    visa.approved()
    assert visa.rows("retry_attempt") == []
    for _ in range(1 + VISA_REATTEMPTS):
        visa.declined()
    assert visa.refusal() == "retry_limit_reached"


def test_mastercard_allows_10_declined_attempts_a_day_whatever_was_approved_in_between(mastercard: Card) -> None:
    for number in range(MASTERCARD_A_DAY):
        mastercard.declined(amount=100 + number)
        if number % 3 == 1:
            mastercard.approved()
    assert mastercard.refusal(amount=5) == "retry_limit_reached"
    assert len(mastercard.rows("retry_attempt")) == MASTERCARD_A_DAY
    mastercard.pass_time("23 hours 59 minutes")
    assert mastercard.refusal(amount=5) == "retry_limit_reached"
    mastercard.pass_time("1 minute")
    assert mastercard.refusal(amount=5) == ""


def test_mastercard_allows_35_attempts_of_one_amount_in_30_days(mastercard: Card) -> None:
    for number in range(MASTERCARD_OF_ONE_AMOUNT):
        mastercard.declined()
        if number % 9 == 8:
            mastercard.pass_time("1 day")
    mastercard.pass_time("1 day")
    assert mastercard.refusal() == "retry_limit_reached"
    assert mastercard.refusal(currency="USD") == ""
    mastercard.pass_time("1 day")
    assert mastercard.refusal(amount=101) == ""
    mastercard.pass_time("30 days")
    assert mastercard.refusal() == ""


@pytest.mark.parametrize("brand", ["amex", "discover", ""])
def test_brands_without_rules_are_not_counted(world: World, brand: str) -> None:
    card = Card(world, brand)
    for _ in range(25):
        card.declined(code="stolen_card", details={"network_code": "43", "advice_code": "03"})
    assert card.refusal() == ""
    assert card.rows("retry_card") == card.rows("retry_attempt") == card.rows("retry_stop") == []


def test_what_was_not_sent_counts_nowhere_and_what_is_not_known_counts(visa: Card) -> None:
    visa.declined()
    for _ in range(30):
        visa.tried("NOT_SENT", "FAILED", code="psp_unavailable")
    assert visa.rows("retry_attempt") == []
    for _ in range(VISA_REATTEMPTS):
        visa.tried("UNKNOWN", "PROCESSING", code="psp_timeout")
    assert visa.refusal() == "retry_limit_reached"
    assert len(visa.rows("retry_attempt")) == VISA_REATTEMPTS


def test_a_first_try_that_nobody_had_declined_before_counts_from_its_decline_on(visa: Card, mastercard: Card) -> None:
    """Both were under way before the first decline was known: nobody could have held the second back."""
    for card, counted in ((visa, 0), (mastercard, 2)):
        both = [card.begin()["payment"] for _ in range(2)]
        for payment in both:
            card.world.record(payment, "DECLINED", "DECLINED", **SOFT)
        assert len(card.rows("retry_attempt")) == counted


def test_50_payments_at_once_with_one_card_are_counted_one_by_one(world: World, visa: Card) -> None:
    visa.declined()
    url = world.server.role_urls["gateway_svc"]
    begun = in_parallel([lambda caller: visa.begin(caller=caller)["disposition"]] * 50, url, 50)
    assert Counter(begun) == {"CREATED": VISA_REATTEMPTS, "DECLINED": 50 - VISA_REATTEMPTS}
    assert len(visa.rows("retry_attempt")) == VISA_REATTEMPTS


def test_cascades_and_new_payments_at_once_are_counted_together(world: World, visa: Card) -> None:
    waiting = [visa.begin()["payment"] for _ in range(15)]
    waiting = [world.record(payment, "DECLINED", "PROCESSING", **SOFT)["payment"] for payment in waiting]

    def cascade(payment: Row) -> Any:
        return lambda caller: caller.call("begin_attempt", payment["id"], 2, "psp_b", "")["begun"]

    def begin(caller: Caller) -> bool:
        return bool(visa.begin(caller=caller)["disposition"] == "CREATED")

    jobs = [job for payment in waiting for job in (cascade(payment), begin)]
    begun = in_parallel(jobs, world.server.admin_url, 10)
    assert Counter(begun) == {True: VISA_REATTEMPTS, False: len(jobs) - VISA_REATTEMPTS}


def test_beginning_recording_and_cascading_with_one_card_at_once_never_deadlocks(
    world: World, visa: Card, mastercard: Card
) -> None:
    def through(card: Card, number: int) -> Any:
        def run(caller: Caller) -> str:
            begun = card.begin(caller=caller, key=f"k{card.values['brand']}{number % 7}", body=str(number % 7))
            if begun["disposition"] != "CREATED":
                return str(begun["disposition"])
            payment = world.record(begun["payment"], "DECLINED", "PROCESSING", caller=caller, **SOFT)["payment"]
            row = caller.call("begin_attempt", payment["id"], 2, "psp_b", "")
            if not row["begun"]:
                return "ENDED"
            world.record(row["payment"], "APPROVED", "AUTHORIZED", caller=caller, psp_reference="psp_1")
            return "APPROVED"

        return run

    jobs = [through(card, number) for number in range(40) for card in (visa, mastercard)]
    results = Counter(in_parallel(jobs, world.server.admin_url, 8))
    assert results["APPROVED"] + results["ENDED"] + results["DECLINED"] == 14


def test_what_no_rule_counts_any_more_is_purged(world: World, visa: Card, mastercard: Card) -> None:
    worker = world.worker
    # What other tests have left.
    while worker.call("purge_retries", 1000)["purged"]:
        pass
    for card in (visa, mastercard):
        for _ in range(3):
            card.declined()
    assert worker.call("purge_retries", 100)["purged"] == 0
    for card in (visa, mastercard):
        card.pass_time("30 days 1 minute")
    # 2 reattempts of one and 3 declined attempts of the other, 4 at once, and both cards.
    assert [worker.call("purge_retries", 4)["purged"] for _ in range(3)] == [4 + 2, 1, 0]
    for card in (visa, mastercard):
        assert card.rows("retry_attempt") == card.rows("retry_card") == []
        assert card.refusal() == ""


def test_a_decline_older_than_every_window_opens_nothing(visa: Card) -> None:
    visa.declined()
    visa.pass_time("30 days 1 minute")
    visa.declined()
    assert visa.rows("retry_attempt") == []


def test_no_attempt_follows_when_the_payment_began_too_long_ago(world: World, visa: Card) -> None:
    ends = (("DECLINED", "DECLINED", "insufficient_funds"), ("NOT_SENT", "FAILED", "psp_unavailable"))
    for status, end, code in ends:
        begun = visa.begin()["payment"]
        payment = world.record(begun, status, "PROCESSING", code=code)["payment"]
        seconds = f"interval '{MAX_CASCADE_SECONDS} seconds'"
        world.rows(
            f"UPDATE gateway.payment SET created_at = created_at - {seconds} WHERE id = %s RETURNING 1", payment["id"]
        )
        row = world.cascade(payment, "psp_b")
        assert row["begun"] is False
        assert (row["payment"]["status"], row["payment"]["decline"]["code"]) == (end, code)
        assert world.event_types(payment["id"])[-1] == f"PAYMENT_{end}"


def test_a_merchants_settings_hold_for_payments_that_begin_later(world: World) -> None:
    before = world.payment()
    world.gateway.call("configure_merchant", world.merchant_id, False, {"max_attempts": 2})
    after = world.payment()
    assert (before["cascade"], after["cascade"]) == ({}, {"max_attempts": 2})
    for payment in (before, after):
        for account in ("psp_b", "psp_c"):
            last = world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]
            declined = world.record(last, "DECLINED", "PROCESSING", code="issuer_unavailable")["payment"]
            if payment is after and account == "psp_c":
                with world.fault():
                    world.cascade(declined, account)
            else:
                assert world.cascade(declined, account)["begun"] is True


def test_no_payment_has_more_attempts_than_the_policy_allows(world: World) -> None:
    accounts = [f"psp_{number}" for number in range(MAX_ATTEMPTS + 1)]
    payment = world.payment(accounts=accounts)
    for account in accounts[1:]:
        payment = world.record(payment, "DECLINED", "PROCESSING", code="issuer_unavailable")["payment"]
        if account == accounts[-1]:
            with world.fault():
                world.cascade(payment, account)
        else:
            payment = world.cascade(payment, account)["payment"]


def every_word() -> Iterator[Decline]:
    words = {voice: ["", "ZZ", *sorted({row.code for row in TABLE if row.voice is voice})] for voice in Voice}
    for brand in ("visa", "mastercard", "amex", ""):
        for advice in words[Voice.ADVICE]:
            for network in ("", "ZZ", "05", "57", "41", "83"):
                for code in ("", "do_not_honor", "stolen_card"):
                    yield Decline(code, network, advice, brand)
        for network in words[Voice.NETWORK]:
            yield Decline("do_not_honor", network, "", brand)
        for code in words[Voice.CODE]:
            yield Decline(code, "", "", brand)


def test_the_procedures_judge_every_word_as_the_table_does(world: World) -> None:
    for moment in (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)):
        moment_us = int(moment.timestamp()) * 1_000_000
        for decline in every_word():
            said = (decline.brand, decline.advice_code, decline.network_code, decline.code, moment)
            assert world.admin.call("is_never_again", *said)["is_never_again"] is is_never_again(decline, moment_us)
            if is_never_again(decline, moment_us):
                told = world.admin.call("is_never_again", *said, False)["is_never_again"]
                assert told is is_never_again(decline, moment_us, by_merchant=False), decline


def test_the_procedures_know_the_limits_of_every_day(world: World) -> None:
    for moment in (datetime(2025, 5, 24, 23, 59, 59, tzinfo=UTC), datetime(2025, 5, 25, tzinfo=UTC)):
        for brand in ("visa", "mastercard", "amex"):
            rows = world.admin.call_many("retry_limits_in_force", brand, moment)
            limits = limits_of(brand, int(moment.timestamp()) * 1_000_000)
            assert sorted((row["attempts"], row["period"], row["same_amount"]) for row in rows) == sorted(
                (limit.attempts, limit.window, limit.same_amount) for limit in limits
            )
    assert world.admin.call("retry_window")["retry_window"] == max(limit.window for limit in LIMITS)
