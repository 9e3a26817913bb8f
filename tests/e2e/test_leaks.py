"""No card number and no code outside the vault: every table, topic, workflow history and log, raw and in base64."""

import base64
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from devstack.names import PortName
from devstack.rest import Rest
from mesh.card_numbers import luhn_valid
from tests.e2e.support import Mesh, read_topics

#: Numbers that no other test uses, with a code that no number, id or time contains by chance.
CANARY = "4000056655665556"
CANARY_CODE = "7391"
AMEX = "371449635398431"
RUN = re.compile(rb"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")


def forms(text: str) -> list[bytes]:
    """Return how a number may hide: plain, spaced, dashed, and base64 at each of its three alignments."""
    plain = text.encode()
    groups = [text[i : i + 4] for i in range(0, len(text), 4)]
    found = [plain, " ".join(groups).encode(), "-".join(groups).encode(), plain.hex().encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + plain)
        found.append(encoded[(shift * 4 + 2) // 3 + (1 if shift else 0) : (len(encoded) // 4 - 1) * 4])
    return found


def contents(mesh: Mesh) -> Iterator[tuple[str, bytes]]:
    yield from tables(mesh)
    yield from records(mesh)
    yield from files(mesh.stack.configuration.home)


def tables(mesh: Mesh) -> Iterator[tuple[str, bytes]]:
    names = mesh.rows(
        "SELECT schemaname, relname FROM pg_stat_user_tables WHERE schemaname <> 'vault' ORDER BY schemaname, relname"
    )
    assert len(names) >= 8
    with psycopg.connect(mesh.stack.configuration.administrator_url, autocommit=True) as connection:
        for name in names:
            table = f"{name['schemaname']}.{name['relname']}"
            with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT text)") as copy:
                yield table, b"".join(bytes(block) for block in copy)
            with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                yield f"{table} (binary)", b"".join(bytes(block) for block in copy)


def records(mesh: Mesh) -> Iterator[tuple[str, bytes]]:
    """Yield every record of every topic, key, value and headers together."""
    for message in read_topics(mesh.stack.configuration.address(PortName.KAFKA)):
        content = (message.key() or b"", message.value() or b"", repr(message.headers()).encode())
        yield message.topic() or "", b"\n".join(part if isinstance(part, bytes) else part.encode() for part in content)


def files(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every log, Temporal's database with its write-ahead log, and Kafka's segments."""
    wanted = [path for path in home.rglob("*") if path.is_file() and "postgres" not in path.relative_to(home).parts[0]]
    logs = [path for path in wanted if path.suffix == ".log"]
    assert len(logs) >= 8
    temporal = [path for path in wanted if "temporal" in str(path.relative_to(home))]
    assert any(path.stat().st_size > 10_000 for path in temporal), "Temporal's histories are among the files"
    for path in wanted:
        # The sandbox is a PSP: its own books are outside of Payera. They keep no card numbers all the same.
        yield str(path.relative_to(home)), path.read_bytes()


def play(mesh: Mesh) -> None:
    """Use the canary in every way that could leak it: approved, declined, cascaded, unknown, refused, in error."""
    for amount in (1000, 410_105, 400_151, 400_906, 400_902):
        payment = mesh.pay(amount, token=mesh.token(CANARY, CANARY_CODE[:3]))
        mesh.settled(payment["id"])
    mesh.settled(mesh.pay(1000, token=mesh.token(AMEX, CANARY_CODE))["id"])
    bad = {"number": CANARY[:-1] + "7", "exp_month": 12, "exp_year": 2040, "cvc": CANARY_CODE}
    assert mesh.rest.post("/v1/tokens", {"card": bad}, money=False).status == 400
    assert mesh.create(1000, description=CANARY).status == 400
    assert mesh.create(1000, metadata={CANARY: "x"}).status == 400
    assert mesh.rest.get(f"/v1/tokens/{CANARY}").status in {400, 404}
    assert mesh.rest.get(f"/v1/payments?merchant_reference={CANARY}").status in {200, 400}
    assert mesh.rest.send("POST", "/v1/tokens", f'{{"card": {{"number": {CANARY}'.encode()).status == 400
    wrong_type = f'{{"card": {{"number": "{CANARY}", "exp_month": "{CANARY}"}}}}'
    assert mesh.rest.send("POST", "/v1/tokens", wrong_type.encode()).status == 400
    as_an_operator(mesh)


def as_an_operator(mesh: Mesh) -> None:
    """Put the canary where operators' calls take ids and names; what is refused late is logged by the database."""
    operator = Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)
    account = f"leaks_{uuid.uuid4().hex[:8]}"
    body = {"account": account, "connector": "stripe", "base_url": "http://127.0.0.1:1", "api_key": "sk_test_leaks"}
    assert operator.post("/v1/psp_accounts", body, money=False).status == 200
    assert operator.post("/v1/psp_accounts", body | {"account": f"a{CANARY}"}, money=False).status == 400
    for path in (
        f"/v1/psp_accounts/{account}/webhook_secrets/{CANARY}:retire",
        f"/v1/psp_accounts/{CANARY}:disable",
        f"/v1/psp_accounts/{CANARY}/webhook_secrets/{CANARY}:retire",
        f"/v1/psp_webhooks/{CANARY}:replay",
        f"/v1/api_keys/{CANARY}:revoke",
        f"/v1/merchants/{CANARY}/api_keys",
    ):
        assert operator.post(path, {"scope": "SECRET"} if path.endswith("api_keys") else {}, money=False).status == 404
    for path in (f"/v1/psp_webhooks/{CANARY}", f"/v1/merchants/{CANARY}", f"/v1/psp_accounts/{CANARY}"):
        assert operator.get(path).status == 404


def test_the_scan_finds_what_is_planted() -> None:
    for shift in range(3):
        planted = base64.b64encode(b"x" * shift + CANARY.encode() + b"tail")
        assert any(form in planted for form in forms(CANARY)), shift
    assert any(form in b"card 4000-0566-5566-5556 declined" for form in forms(CANARY))
    assert luhn_runs(b"a log line with 4242 4242 4242 4242 in it") == [b"4242424242424242"]
    assert luhn_runs(b"pay_01J4242424242424242 and 1763712345678901") == []


def test_no_card_number_or_code_is_anywhere_but_in_the_vault(mesh: Mesh) -> None:
    play(mesh)
    canaries = [form for number in (CANARY, AMEX, CANARY[:-1] + "7") for form in forms(number)]
    leaks = []
    for place, content in contents(mesh):
        leaks += [f"{place}: {form!r}" for form in canaries if form in content]
        if place.endswith(".log") or "." in place.split(" ")[0]:
            leaks += [f"{place}: {run!r}" for run in luhn_runs(content) if run.decode() in KNOWN_NUMBERS]
        if place.startswith("logs"):
            leaks += [f"{place}: the code" for _ in re.findall(rb'"?cv[cv]2?"?[:=] ?"?\d{3,4}', content)]
            leaks += [
                f"{place}: the code" for _ in re.findall(rb"(?<!\d)" + CANARY_CODE.encode() + rb'(?!\d)"', content)
            ]
    assert not leaks, leaks[:20]


KNOWN_NUMBERS = {"4242424242424242", "4000000000009995", CANARY, AMEX}


def luhn_runs(content: bytes) -> list[bytes]:
    """Return digits runs of 13 to 19 that pass the check digit and are no part of a word."""
    runs = (re.sub(rb"[ -]", b"", match) for match in RUN.findall(content))
    return [run for run in runs if run.startswith((b"4", b"5", b"3")) and luhn_valid(run.decode())]
