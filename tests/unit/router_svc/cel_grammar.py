"""Conditions and payments as Hypothesis makes them: few values, so that they meet."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from router_svc.domain.facts import AccountFacts, Initiator, PaymentFacts, ThreeDs

CURRENCIES = ("EUR", "USD", "JPY")
BRANDS = ("visa", "amex", "unknown", "")
BINS = ("", "411111", "41111122", "371111")
COUNTRIES = ("", "DE", "US")
FUNDINGS = ("credit", "debit", "")
TIERS = ("gold", "golden", "basic")
MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)

payments = st.builds(
    PaymentFacts,
    merchant_id=st.just("mer_1"),
    payment_id=st.uuids().map(str),
    amount=st.integers(0, 8) | st.sampled_from([2**63 - 1]),
    currency=st.sampled_from(CURRENCIES),
    at=st.integers(0, 24 * 9).map(lambda hours: MIDNIGHT + timedelta(hours=hours)),
    method=st.sampled_from(["card", "wallet"]),
    brand=st.sampled_from(BRANDS),
    bin=st.sampled_from(BINS),
    funding=st.sampled_from(FUNDINGS),
    issuer_country=st.sampled_from(COUNTRIES),
    initiator=st.sampled_from(Initiator),
    three_ds=st.sampled_from(ThreeDs),
    metadata=st.dictionaries(st.sampled_from(["tier", "shop"]), st.sampled_from(TIERS), max_size=2),
)

_texts = st.sampled_from(
    [
        ("currency", (*CURRENCIES, "XXX")),
        ("brand", (*BRANDS, "viza")),
        ("bin", (*BINS, "41", "4")),
        ("issuer_country", COUNTRIES),
        ("funding", FUNDINGS),
        ("initiator", ("customer", "merchant")),
        ("three_ds", ("none", "external")),
        ("metadata.tier", TIERS),
        ('metadata["shop"]', TIERS),
    ]
)
_numbers = st.sampled_from(["amount", "at.getHours()", 'at.getHours("Europe/Berlin")', "at.getDayOfWeek()"])
_relations = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@st.composite
def _comparisons(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        name, words = draw(_texts)
        values = st.sampled_from(words).map(lambda word: f'"{word}"')
        match draw(st.sampled_from(["==", "!=", "in", "startsWith", "mirrored"])):
            case "in":
                return f"{name} in [{', '.join(draw(st.lists(values, max_size=3)))}]"
            case "startsWith":
                return f"{name}.startsWith({draw(values)})"
            case "mirrored":
                return f"{draw(values)} == {name}"
            case relation:
                return f"{name} {relation} {draw(values)}"
    name, number = draw(_numbers), draw(st.integers(-1, 8))
    if draw(st.booleans()):
        return f"{number} {draw(_relations)} {name}"
    return draw(st.sampled_from([f"{name} {draw(_relations)} {number}", f"{name} in [{number}, {number + 2}]"]))


_presences = st.sampled_from(["has(metadata.tier)", '"tier" in metadata', "has(metadata.shop)", "true", "false"])
# What the domain does not reason about; the last two may fail.
_opaque = st.sampled_from(
    [
        "brand < currency",
        'metadata.exists(key, key == "tier")',
        "size(metadata) > 0",
        "amount / amount == 1",
        'metadata.tier < "c"',
    ]
)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(parts, min_size=2, max_size=3)
    return (
        several.map(lambda some: "(" + " && ".join(some) + ")")
        | several.map(lambda some: "(" + " || ".join(some) + ")")
        | parts.map(lambda part: f"!({part})")
        | st.tuples(parts, parts, parts).map(lambda some: f"({some[0]} ? {some[1]} : {some[2]})")
    )


clear_conditions = st.recursive(_comparisons() | _presences, _joined, max_leaves=6)
"""Conditions that the domain reasons about to the last part."""

conditions = st.recursive(_comparisons() | _presences | _opaque, _joined, max_leaves=6)
"""Conditions of all kinds."""

accounts = st.builds(
    AccountFacts,
    account=st.sampled_from(["a", "b", "c"]),
    connector=st.just("sandbox"),
    methods=st.frozensets(st.sampled_from(["card", "wallet"])),
    brands=st.frozensets(st.sampled_from(["visa", "amex", "unknown"])),
    currencies=st.frozensets(st.sampled_from(CURRENCIES)),
    issuer_countries=st.frozensets(st.sampled_from(["DE", "US"])),
    features=st.frozensets(st.sampled_from(["external_three_ds", "stored_credential", "level2"])),
    limits=st.dictionaries(st.sampled_from(CURRENCIES), st.tuples(st.integers(0, 4), st.integers(3, 8)), max_size=2),
    disabled=st.integers(0, 5).map(lambda number: number == 0),
)
