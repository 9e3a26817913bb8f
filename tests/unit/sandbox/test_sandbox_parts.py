import json
import re
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from devstack.sandbox.account_needs import AccountNeeds
from devstack.sandbox.books import CardOnFile, OperationType, Record
from devstack.sandbox.dialects.payera.dialect import DIALECT
from devstack.sandbox.documentation import DOCUMENT, render
from devstack.sandbox.faults import Fault, FaultMode, FaultOperation, FaultPlan
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.journal import Journal
from devstack.sandbox.magic import (
    ACCOUNT_STEP,
    APPROVED,
    DECLINES,
    FAULTS,
    FIRST_AMOUNT,
    SUCCESS_CARDS,
    TEST_CARDS,
    brand_of,
    fault_of_amount,
    verdict_of_amount,
    verdict_of_card,
)
from devstack.sandbox.requests import ApiError, read_action, read_question
from devstack.sandbox.settings import AccountEntry, completed, load_accounts
from mesh.card_numbers import luhn_valid
from mesh.settings import SettingsError
from psp_connectors.connectors.sandbox.connector import CAPABILITIES
from vault_svc.domain import brands

NOW = (2026, 6)


def test_document_is_what_the_tables_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run python -m devstack.sandbox.documentation"


def test_document_names_every_amount_card_and_fault() -> None:
    text = render()
    for suffix in (*DECLINES, *FAULTS):
        assert str(FIRST_AMOUNT + suffix) in text
        assert str(FIRST_AMOUNT + ACCOUNT_STEP + suffix) in text
    for number in (*SUCCESS_CARDS, *(card.number for card in TEST_CARDS)):
        assert number in text
    assert all(f"`{mode.value}`" in text for mode in FaultMode)
    assert not re.search(r"\{(approved|cards|amounts|faults)\}", text)


def test_suffixes_are_three_digits_and_of_one_meaning() -> None:
    assert not set(DECLINES) & set(FAULTS)
    assert all(100 <= suffix <= 999 for suffix in (*DECLINES, *FAULTS))
    assert set(FAULTS.values()) == set(FaultMode) - {FaultMode.REFUSE}


def test_numeric_codes_can_be_read_off_the_amount() -> None:
    for suffix, entry in DECLINES.items():
        if entry.verdict.network_code.isdigit():
            assert suffix == 100 + int(entry.verdict.network_code)


@pytest.mark.parametrize(
    ("amount", "position", "network_code"),
    [
        (400_105, 1, "05"),
        (400_105, 2, "05"),
        (410_105, 1, "05"),
        (410_105, 2, "00"),
        (420_105, 1, "00"),
        (420_105, 2, "05"),
        (500_105, 10, "00"),
        (400_000, 1, "00"),
        (399_105, 1, "00"),
        (105, 1, "00"),
        (401_105, 1, "00"),
        (1_400_105, 1, "00"),
    ],
)
def test_amount_is_magic_at_its_account(amount: int, position: int, network_code: str) -> None:
    assert verdict_of_amount(amount, position).network_code == network_code


def test_fault_amounts_are_approved() -> None:
    for suffix, mode in FAULTS.items():
        assert verdict_of_amount(FIRST_AMOUNT + suffix, 1) is APPROVED
        assert fault_of_amount(FIRST_AMOUNT + suffix, 1) is mode
        assert fault_of_amount(FIRST_AMOUNT + 2 * ACCOUNT_STEP + suffix, 1) is None


def test_cards() -> None:
    for number in SUCCESS_CARDS:
        assert luhn_valid(number)
        assert brand_of(number) != "unknown"
        assert verdict_of_card(number, 2026, 6, NOW) is APPROVED, "valid through its last month"
        assert verdict_of_card(number, 2026, 5, NOW).network_code == "54"
        assert verdict_of_card(number, 2025, 12, NOW).network_code == "54"
    for card in TEST_CARDS:
        assert luhn_valid(card.number)
        assert verdict_of_card(card.number, 2030, 1, NOW) is card.verdict
    assert verdict_of_card("4242424242424241", 2030, 1, NOW).network_code == "14"


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "visa"),
        ("2223003122003222", "mastercard"),
        ("5555555555554444", "mastercard"),
        ("378282246310005", "amex"),
        ("6011111111111117", "discover"),
        ("36227206271667", "diners"),
        ("3566002020360505", "jcb"),
        ("6200000000000005", "unionpay"),
        ("8171000000000000", "unionpay"),
        ("8172000000000000", "rupay"),
        ("676770000005", "maestro"),
        ("6703444444444449", "bancontact"),
        ("5066991111111118", "elo"),
        ("135410014004955", "uatp"),
        ("9792000000000001", "troy"),
        # Cartes Bancaires is a network behind another brand.
        ("5075890000000000", "unknown"),
        ("9999999999999995", "unknown"),
    ],
)
def test_brands(number: str, brand: str) -> None:
    assert brand_of(number) == brand


@pytest.mark.parametrize("entry", brands._RANGES, ids=lambda entry: f"{entry.first}-{entry.last}")
def test_every_range_of_the_vault_has_its_brand_and_the_connector_takes_it(entry: brands._Range) -> None:
    for prefix in (entry.first.ljust(16, "5"), entry.last.ljust(16, "5")):
        assert brand_of(prefix) == brands.brand_of(prefix).value
        assert brand_of(prefix) in {*CAPABILITIES.brands, "unknown"}


def test_the_connector_takes_the_vaults_brands_and_no_others() -> None:
    named = set(brands.Brand) - brands.NETWORKS_ONLY - {brands.Brand.UNKNOWN}
    assert CAPABILITIES.brands == tuple(sorted(brand.value for brand in named))


def test_fault_plan_counts_and_prefers_the_reference() -> None:
    plan = FaultPlan()
    plan.add(Fault(FaultMode.GARBAGE, FaultOperation.AUTHORIZE))
    plan.add(Fault(FaultMode.RESET_AFTER, FaultOperation.AUTHORIZE, remaining=2, reference="pay_1"))

    def mode(operation: FaultOperation, reference: str) -> FaultMode | None:
        fault = plan.take(operation, reference)
        return fault.mode if fault is not None else None

    assert mode(FaultOperation.CAPTURE, "pay_1_1") is None
    assert mode(FaultOperation.AUTHORIZE, "pay_2_1") is FaultMode.GARBAGE
    assert [mode(FaultOperation.AUTHORIZE, "pay_1_1") for _ in range(3)] == [
        FaultMode.RESET_AFTER,
        FaultMode.RESET_AFTER,
        FaultMode.GARBAGE,
    ]
    plan.add(Fault(FaultMode.SLOW, FaultOperation.AUTHORIZE))
    assert mode(FaultOperation.AUTHORIZE, "x") is FaultMode.SLOW, "in place of the other"
    plan.clear()
    assert mode(FaultOperation.AUTHORIZE, "x") is None


def test_a_fault_strikes_the_first_requests_about_each_reference() -> None:
    plan = FaultPlan()
    plan.add(Fault(FaultMode.RESET_AFTER, FaultOperation.CAPTURE, first=2))
    numbers = [plan.take(FaultOperation.CAPTURE, "cap_1", number) is not None for number in (1, 2, 3)]
    assert numbers == [True, True, False]
    assert plan.take(FaultOperation.CAPTURE, "cap_2", 1) is not None


def test_fault_plan_is_bounded() -> None:
    plan = FaultPlan()
    for number in range(1000):
        plan.add(Fault(FaultMode.SLOW, reference=f"r{number}"))
    with pytest.raises(ValueError, match="1000"):
        plan.add(Fault(FaultMode.SLOW, reference="one more"))


RECORD = Record(
    account="a",
    id="ch_1",
    type=OperationType.AUTHORIZE,
    reference="r",
    charge="ch_1",
    amount=1,
    currency="EUR",
    network_code="00",
    card=CardOnFile(brand="visa", last4="4242", bin="424242", exp_month=1, exp_year=2030, fingerprint="f"),
    key="k",
    request_digest="d",
)


def test_journal_gives_back_what_was_written_without_the_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "journal"
    journal = Journal(path)
    assert list(journal.open()) == []
    journal.write(RECORD)
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"account": "a", "id": "torn')
    again = Journal(path)
    assert list(again.open()) == [RECORD]
    again.write(RECORD)
    again.close()
    last = Journal(path)
    assert list(last.open()) == [RECORD, RECORD]
    last.close()


def test_journal_without_a_path_keeps_nothing() -> None:
    journal = Journal(None)
    assert list(journal.open()) == []
    journal.write(RECORD)
    journal.close()


def test_foreign_file_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("hello\n")
    with pytest.raises(msgspec.DecodeError):
        list(Journal(path).open())
    assert path.read_text() == "hello\n"


CARD = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2030}
CHARGE = {"reference": "r", "amount": 1, "currency": "EUR", "card": CARD}


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": 1.5},
        {"amount": "1"},
        {"amount": 10**12},
        {"currency": "eur"},
        {"reference": ""},
        {"reference": "x" * 81},
        {"unknown": 1},
        {"card": None},
        {"card": CARD | {"number": "4242 4242"}},
        {"card": CARD | {"exp_month": 13}},
        {"card": CARD | {"cvc": "12"}},
    ],
)
def test_malformed_charges_are_refused_without_repeating_the_card(changes: dict[str, object]) -> None:
    with pytest.raises(ApiError) as caught:
        read_action("/v1/charges", "k", json.dumps(CHARGE | changes).encode())
    assert caught.value.status == 400
    assert "4242" not in json.dumps(caught.value.body)


def test_well_formed_requests_are_read() -> None:
    action = read_action("/v1/charges", "k", json.dumps(CHARGE).encode())
    assert (action.type, action.amount, action.reference) == (OperationType.AUTHORIZE, 1, "r")
    assert "4242" not in repr(action.fields)
    body = b'{"reference":"r"}'
    assert read_action("/v1/charges/ch_1/void", "k", body).charge == "ch_1"
    assert read_question("/v1/operations", "reference=r&type=void").type is OperationType.VOID


@pytest.mark.parametrize(
    ("path", "key", "body", "status"),
    [
        ("/v1/other", "k", b"{}", 404),
        ("/v1/charges/ch_1/other", "k", b"{}", 404),
        ("/v1/charges//void", "k", b"{}", 404),
        ("/v1/charges", "", b"{}", 400),
        ("/v1/charges", "k" * 256, b"{}", 400),
        ("/v1/charges", "k", b"", 400),
        ("/v1/charges", "k", b"\xff", 400),
        ("/v1/charges", "k", b"[" * 10_000, 400),
    ],
)
def test_malformed_requests_are_refused(path: str, key: str, body: bytes, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        read_action(path, key, body)
    assert caught.value.status == status


@pytest.mark.parametrize("query", ["", "reference=r", "type=void", "reference=r&type=other", "a=1&" * 9])
def test_malformed_questions_are_refused(query: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_question("/v1/operations", query)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '[{"account": "a", "api_key": "short"}]',
        '[{"account": "a", "api_key": "long_enough", "other": 1}]',
        '[{"account": "a", "api_key": "long_enough"}, {"account": "a", "api_key": "long_enough_2"}]',
        '[{"account": "a", "api_key": "long_enough"}, {"account": "b", "api_key": "long_enough"}]',
    ],
)
def test_wrong_accounts_files_are_explained_without_keys(tmp_path: Path, content: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_accounts(path)
    assert "long_enough" not in str(caught.value)
    with pytest.raises(SettingsError):
        load_accounts(tmp_path / "missing.json")


def test_account_accepts_its_key_alone() -> None:
    account = AccountEntry(account="a", api_key="long_enough")

    def accepts(header: str) -> bool:
        return DIALECT.recognises(Incoming(method="GET", path="/", headers={"authorization": header}), account)

    assert accepts("Bearer long_enough")
    for header in ("", "Bearer ", "Bearer long_enough2", "bearer long_enough", "Bearer l\udcffng"):
        assert not accepts(header)


class Full:
    """A file on a disk that takes half of what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, content: bytes) -> int:
        return self._file.write(content[: len(content) // 2])

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int) -> int:
        return self._file.truncate(size)


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    list(journal.open())
    journal.write(msgspec.structs.replace(RECORD, key="k1"))
    whole = path.read_bytes()
    file = journal._file
    assert file is not None
    monkeypatch.setattr(journal, "_file", Full(file))
    with pytest.raises(OSError, match="No space left"):
        journal.write(msgspec.structs.replace(RECORD, key="k2"))
    assert path.read_bytes() == whole
    monkeypatch.undo()
    journal.write(msgspec.structs.replace(RECORD, key="k3"))
    journal.close()
    again = Journal(path)
    assert [line.key for line in again.open() if isinstance(line, Record)] == ["k1", "k3"]
    again.close()


@pytest.mark.parametrize("url", ["localhost:9/hook", "ftp://psp/hook", "http://", "hook"])
def test_webhooks_that_could_not_be_sent_are_refused_at_the_start(url: str) -> None:
    entry = AccountEntry(account="a", api_key="k" * 8, webhook_url=url)
    with pytest.raises(SettingsError, match="no http or https address"):
        completed(entry, AccountNeeds(api_key="", webhook_secret=""))


def test_a_webhook_secret_of_another_form_is_refused_at_the_start_without_repeating_it() -> None:
    needs = AccountNeeds(api_key="", webhook_secret="HMAC key", webhook_secret_pattern="[0-9A-F]{4}")
    completed(AccountEntry(account="a", api_key="k" * 8, webhook_secret="00FF"), needs)
    with pytest.raises(SettingsError, match="HMAC key") as caught:
        completed(AccountEntry(account="a", api_key="k" * 8, webhook_secret="planted"), needs)
    assert "planted" not in str(caught.value)
