"""Authentications done elsewhere: which can be sent, and a cryptogram that nothing shows."""

import copy
import pickle
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.domain.three_ds import (
    Cryptogram,
    Exemption,
    ThreeDsResult,
    eci_of,
    faults_of_exemption,
    faults_of_result,
)

PROOF = b64encode(bytes(range(20))).decode()
DS_ID = "c272b04f-6e7b-43a2-bb78-90f4fb94aa25"
FRICTIONLESS = ThreeDsResult("2.2.0", "Y", "05", DS_ID, proven=True, cryptogram=Cryptogram(PROOF))
UNPROVEN = replace(FRICTIONLESS, cryptogram=Cryptogram())


def fields(result: ThreeDsResult, brand: str = "visa", *, by_merchant: bool = False) -> list[str]:
    return [fault.field for fault in faults_of_result(result, brand=brand, by_merchant=by_merchant)]


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, []),
        ({"trans_status": "C", "challenge_status": "Y"}, []),
        ({"trans_status": "A", "eci": "06"}, []),
        ({"trans_status": "U", "eci": "07", "cryptogram": Cryptogram(), "ds_transaction_id": ""}, []),
        ({"trans_status": "U", "eci": "", "cryptogram": Cryptogram()}, []),
        ({"trans_status": "I", "eci": "07", "cryptogram": Cryptogram()}, []),
        ({"trans_status": "N"}, ["trans_status"]),
        ({"trans_status": "R"}, ["trans_status"]),
        ({"trans_status": "C", "challenge_status": "N"}, ["challenge_status"]),
        ({"trans_status": "C"}, ["challenge_status"]),
        ({"challenge_status": "Y"}, ["challenge_status"]),
        ({"eci": ""}, ["eci"]),
        ({"cryptogram": Cryptogram()}, ["cryptogram"]),
        ({"ds_transaction_id": ""}, ["ds_transaction_id"]),
        ({"eci": "", "cryptogram": Cryptogram(), "ds_transaction_id": ""}, ["eci", "cryptogram", "ds_transaction_id"]),
        ({"trans_status": "A"}, ["eci"]),
        ({"trans_status": "U"}, ["eci"]),
        *(({"cryptogram": Cryptogram(text)}, ["cryptogram"]) for text in ("AAAA", PROOF[:-1], PROOF + PROOF, "é" * 28)),
        ({"trans_status": "U", "eci": "07", "cryptogram": Cryptogram("AAAA")}, ["cryptogram"]),
    ],
)
def test_what_can_not_be_sent_is_named_field_by_field(changes: dict[str, Any], faults: list[str]) -> None:
    assert fields(replace(FRICTIONLESS, **changes)) == [f"three_d_secure.{name}" for name in faults]


@pytest.mark.parametrize(
    ("brand", "outcome", "by_merchant", "allowed"),
    [
        *((brand, "Y", False, ("05",)) for brand in ("visa", "amex", "discover", "diners", "jcb", "unionpay", "elo")),
        ("visa", "A", False, ("06",)),
        ("visa", "U", False, ("07",)),
        ("visa", "I", False, ("07",)),
        ("visa", "Y", True, ("05", "07")),
        ("mastercard", "Y", False, ("02",)),
        ("maestro", "Y", False, ("02",)),
        ("mastercard", "A", False, ("01",)),
        ("mastercard", "U", False, ("00",)),
        ("mastercard", "I", False, ("00", "04", "06")),
        ("mastercard", "Y", True, ("02", "07")),
        ("unknown", "Y", False, ("05", "02")),
        ("", "A", False, ("06", "01")),
        ("troy", "Y", False, ("05", "02")),
    ],
)
def test_indicators_are_those_of_the_network(
    brand: str, outcome: str, by_merchant: bool, allowed: tuple[str, ...]
) -> None:
    assert eci_of(brand, outcome, by_merchant=by_merchant) == allowed
    result = replace(FRICTIONLESS, trans_status=outcome)
    for eci in ("00", "01", "02", "04", "05", "06", "07", "09"):
        assert (fields(replace(result, eci=eci), brand, by_merchant=by_merchant) == []) is (eci in allowed)


def test_a_wrong_indicator_is_told_with_those_that_fit() -> None:
    (fault,) = faults_of_result(replace(FRICTIONLESS, eci="02"), brand="visa", by_merchant=False)
    assert "02" in fault.rule
    assert "05" in fault.rule
    assert "visa" in fault.rule


def test_a_wrong_cryptogram_is_never_repeated() -> None:
    wrong = "bm90IGEgY3J5cHRvZ3JhbQ=="
    (fault,) = faults_of_result(replace(FRICTIONLESS, cryptogram=Cryptogram(wrong)), brand="visa", by_merchant=False)
    assert wrong not in repr(fault)


@pytest.mark.parametrize(
    ("result", "by_merchant", "refused"),
    [
        (None, False, False),
        (None, True, True),
        (replace(UNPROVEN, trans_status="I"), False, False),
        (replace(UNPROVEN, trans_status="U"), False, False),
        (FRICTIONLESS, False, True),
        (replace(FRICTIONLESS, trans_status="C", challenge_status="Y"), False, True),
        (replace(FRICTIONLESS, trans_status="A"), False, True),
    ],
)
def test_an_exemption_is_for_shoppers_who_were_not_authenticated(
    result: ThreeDsResult | None, by_merchant: bool, refused: bool
) -> None:
    faults = list(faults_of_exemption(Exemption.LOW_VALUE, result, by_merchant=by_merchant))
    assert [fault.field for fault in faults] == (["exemption"] if refused else [])


def test_nothing_shows_a_cryptogram_but_who_asks_for_it() -> None:
    cryptogram = Cryptogram(PROOF)
    texts = (repr(cryptogram), str(cryptogram), f"{cryptogram}", f"{cryptogram:>40}", f"{cryptogram!r}")
    assert not any(PROOF in text for text in (*texts, repr(FRICTIONLESS), repr([FRICTIONLESS])))
    assert cryptogram.reveal() == PROOF
    assert (cryptogram == Cryptogram(PROOF), cryptogram == Cryptogram("x"), cryptogram == PROOF) == (True, False, False)
    assert hash(cryptogram) == hash(Cryptogram("x"))
    assert (bool(cryptogram), bool(Cryptogram())) == (True, False)
    for away in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            away(cryptogram)
