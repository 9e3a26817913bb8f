"""Nothing secret gets into a log line, wherever it stands."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from mesh.card_numbers import MASK
from mesh.redaction import MASKED, is_secret_name, redact_text
from mesh.telemetry import configure_logging

PAN = "4242424242424242"
SPACED = "4242 4242 4242 4242"
DASHED = "4242-4242-4242-4242"
KEY = "sk_test_" + "a1B2" * 6


class Output:
    """What was written to stdout since the last look."""

    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capture
        self.text = ""

    def lines(self) -> list[dict[str, Any]]:
        self.text = self._capture.readouterr().out.decode()
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def output(capsysbinary: pytest.CaptureFixture[bytes]) -> Iterator[Output]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Output(capsysbinary)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("number", [PAN, SPACED, DASHED])
@pytest.mark.parametrize("template", ["{}", "card {} was sent", 'body: {{"n": "{}"}}', "x{}y"])
def test_card_numbers_are_masked_in_texts(number: str, template: str) -> None:
    assert redact_text(template.format(number)) == template.format(MASK)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"key {KEY} refused", f"key {MASKED} refused"),
        (f"pk_live_{'Z' * 24}", MASKED),
        (f"authorization: Bearer {KEY}", f"authorization: {MASKED}"),
        ("Basic c2tfdGVzdF94Og==", MASKED),
        ("postgresql://gateway:hunter2@127.0.0.1/payera", f"postgresql://{MASKED}@127.0.0.1/payera"),
    ],
)
def test_credentials_are_masked_in_texts(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "name",
    [
        "number",
        "card_number",
        "cardNumber",
        "CardNumber",
        "pan",
        "PAN",
        "cvc",
        "cvv",
        "key",
        "api_key",
        "apiKey",
        "x-api-key",
        "apikey",
        "secret",
        "token-secret",
        "token_secret",
        "password",
        "authorization",
        "Authorization",
        "idempotency_key",
    ],
)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["key_id", "key_prefix", "token", "method", "company", "monkey", "span", "", "keyboard"]
)
def test_harmless_names(name: str) -> None:
    assert not is_secret_name(name)


def test_a_log_line_is_json_without_secrets(output: Output) -> None:
    logger = configure_logging("gateway_svc", "info")

    logger.info(
        f"payment for {SPACED}",  # noqa: G004 - what must not get through
        pan=PAN,
        note=f"key {KEY}",
        nested={"card": {"number": PAN, "cvc": "123", "brand": "visa"}, "items": [DASHED, {"password": "x"}]},
        amount=1050,
        looks_like_a_card=int(PAN),
        raw=b"4242424242424242",
        key_id="key_1",
        missing=None,
        error=ValueError(f"bad card {PAN}"),
    )

    (line,) = output.lines()
    assert "4242" not in output.text
    assert KEY not in output.text
    assert line["event"] == f"payment for {MASK}"
    assert line["service"] == "gateway_svc"
    assert line["level"] == "info"
    assert line["pan"] == MASKED
    assert line["nested"]["card"] == {"number": MASKED, "cvc": MASKED, "brand": "visa"}
    assert line["nested"]["items"] == [MASK, {"password": MASKED}]
    assert line["amount"] == 1050
    assert line["key_id"] == "key_1"
    assert line["missing"] is None


def test_every_line_begins_with_when_how_grave_who_and_what(output: Output) -> None:
    logger = configure_logging("gateway_svc", "info")

    logger.info("call", code="OK")
    structlog.get_logger().warning("elsewhere", code="OK")
    logging.getLogger("library").error("away")

    lines = output.lines()
    assert [list(line)[:4] for line in lines] == [["timestamp", "level", "service", "event"]] * 3
    assert {line["service"] for line in lines} == {"gateway_svc"}


def test_the_same_text_is_masked_each_time(output: Output) -> None:
    logger = configure_logging("gateway_svc", "info")

    for _ in range(3):
        logger.info("call", harmless="/payera.Service/Method", harmful=f"card {PAN}")

    lines = output.lines()
    assert [line["harmful"] for line in lines] == [f"card {MASK}"] * 3
    assert [line["harmless"] for line in lines] == ["/payera.Service/Method"] * 3


def test_stacks_are_redacted(output: Output) -> None:
    logger = configure_logging("gateway_svc", "info")

    try:
        raise ValueError("card " + DASHED)
    except ValueError:
        logger.exception("failed")

    (line,) = output.lines()
    assert "Traceback" in line["exception"]
    assert DASHED not in line["exception"]


def test_libraries_log_through_the_same_pipeline(output: Output) -> None:
    configure_logging("gateway_svc", "info")

    logging.getLogger("library").warning("connect to %s", "postgresql://user:hunter2@host/db")
    logging.getLogger("library").info("chatter")

    (line,) = output.lines()
    assert line["logger"] == "library"
    assert line["level"] == "warning"
    assert "hunter2" not in output.text


def test_levels_below_the_chosen_one_are_dropped(output: Output) -> None:
    logger = configure_logging("gateway_svc", "warning")

    logger.info("dropped")
    logger.warning("kept")

    assert [line["event"] for line in output.lines()] == ["kept"]
    with pytest.raises(ValueError, match="loud"):
        configure_logging("gateway_svc", "loud")
