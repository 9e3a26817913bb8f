import json
from typing import Any

from devstack.demo.wire import LINES_MAX, WIDTH, wire_lines


def an_exchange(**changes: Any) -> dict[str, Any]:
    answer = {"status": 200, "headers": {"request-id": "req_1"}, "body": {"id": "ch_1"}}
    exchange = {"method": "POST", "path": "/v1/charges", "query": "", "headers": {}, "body": None, "answer": answer}
    return exchange | changes


def test_both_sides_are_shown_with_their_headers() -> None:
    exchange = an_exchange(query="a=b", headers={"idempotency-key": "k1", "content-type": "application/json"})

    assert list(wire_lines(exchange, whole=False)) == [
        "> POST /v1/charges?a=b",
        "> idempotency-key: k1",
        "< 200",
        "< request-id: req_1",
        '<   {"id": "ch_1"}',
    ]


def test_a_form_is_shown_field_by_field() -> None:
    lines = list(wire_lines(an_exchange(body=[["amount", "1050"], ["card[exp_month]", "12"]]), whole=False))

    assert lines[1:3] == [">   amount = 1050", ">   card[exp_month] = 12"]


def test_an_answer_that_never_came_is_called_so() -> None:
    assert list(wire_lines(an_exchange(answer=None), whole=False))[-1] == "< no answer: the connection was lost"


def test_long_json_stays_json_and_narrow_without_what_is_empty() -> None:
    body = {"items": [{"name": f"item {number}", "note": "x" * 40, "none": None} for number in range(6)], "list": []}
    answer = {"status": 200, "headers": {}, "body": body}

    lines = list(wire_lines(an_exchange(answer=answer), whole=True))

    assert max(map(len, lines)) <= WIDTH + 8
    shown = json.loads("\n".join(line.removeprefix("<   ") for line in lines[2:]))
    assert shown == {"items": [{"name": f"item {number}", "note": "x" * 40} for number in range(6)]}


def test_a_long_answer_is_cut_and_says_how_to_see_the_rest() -> None:
    answer = {"status": 200, "headers": {}, "body": {f"field {number}": "x" * 80 for number in range(60)}}

    short = list(wire_lines(an_exchange(answer=answer), whole=False))

    assert len(short) == 2 + LINES_MAX
    assert short[-1].endswith("... 39 more lines: payera demo psps --whole")
    assert len(list(wire_lines(an_exchange(answer=answer), whole=True))) == 2 + 62
