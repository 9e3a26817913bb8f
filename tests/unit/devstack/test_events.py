from payera.events.v1 import payment_event_pb2 as pb

from devstack.events import line_of


def test_an_event_is_one_legible_line() -> None:
    event = pb.PaymentEvent(
        id="evt_1", type=pb.PAYMENT_EVENT_TYPE_PAYMENT_SUCCEEDED, payment_id="pay_1", merchant_id="mer_1", seq=2
    )
    event.occur_time.FromJsonString("2026-03-04T05:06:07.089Z")
    event.payment.status = "SUCCEEDED"
    event.payment.amount.value = 1999
    event.payment.amount.currency = "EUR"
    event.attempt.ordinal = 1
    event.attempt.psp_account = "sandbox_a"
    event.attempt.status = "APPROVED"

    assert line_of(event) == (
        "2026-03-04T05:06:07.089Z  pay_1  #2  payment succeeded  -> SUCCEEDED 1999 EUR"
        "  attempt 1 at sandbox_a: APPROVED"
    )


def test_a_modification_shows_its_kind_amount_and_code() -> None:
    event = pb.PaymentEvent(type=pb.PAYMENT_EVENT_TYPE_REFUND_FAILED, payment_id="pay_1", seq=5)
    event.modification.kind = "REFUND"
    event.modification.id = "ref_1"
    event.modification.amount = 500
    event.modification.status = "FAILED"
    event.modification.code = "DECLINED"

    assert line_of(event).endswith("refund ref_1 of 500: FAILED DECLINED")
