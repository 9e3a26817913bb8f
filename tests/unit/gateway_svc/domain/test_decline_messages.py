"""The sentences about declines."""

from gateway_svc.domain.core import CODES_OF_THE_TOKEN
from gateway_svc.domain.decline_messages import DECLINE_MESSAGES, UNNAMED_CODE, decline_message
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.outcomes import CallCode


def test_every_code_that_connectors_know_has_a_sentence() -> None:
    assert {code.value for code in DeclineCode} <= set(DECLINE_MESSAGES)


def test_what_is_wrong_with_a_token_is_told_by_two_codes() -> None:
    assert set(DECLINE_MESSAGES) >= CODES_OF_THE_TOKEN
    assert {CallCode.TOKEN_UNUSABLE.value, CallCode.TOKEN_USED.value} == CODES_OF_THE_TOKEN


def test_each_code_has_its_own_short_sentence() -> None:
    sentences = list(DECLINE_MESSAGES.values())
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") and len(sentence) <= 120 for sentence in sentences)


def test_a_code_without_a_sentence_points_to_the_raw_code() -> None:
    assert decline_message("never_heard_of") == UNNAMED_CODE
    assert "raw_code" in UNNAMED_CODE
