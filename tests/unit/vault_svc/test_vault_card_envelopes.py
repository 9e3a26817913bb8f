"""Cards as JWEs: which keys are taken, what others make of our envelopes and we of theirs, and what is refused."""

import base64
import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from jwcrypto import jwe, jwk

from vault_svc.adapters.jwe.card_envelopes import ENVELOPE_LONGEST, JweCardEnvelopes
from vault_svc.application.ports.card_envelopes import EnvelopeRefused, KeyPair, Open, PublicKeyRefused

TEXT = b'{"id":"card-1","number":"4242424242424242","exp_month":12,"exp_year":2040}'
NUMBER = "4242424242424242"
ENVELOPES = JweCardEnvelopes()
STRONG: dict[str, dict[str, Any]] = {
    "RSA 3072": {"kty": "RSA", "size": 3072},
    "P-256": {"kty": "EC", "crv": "P-256"},
    "P-384": {"kty": "EC", "crv": "P-384"},
    "X25519": {"kty": "OKP", "crv": "X25519"},
}


@pytest.fixture(scope="module")
def keys() -> dict[str, jwk.JWK]:
    return {name: jwk.JWK.generate(**parameters) for name, parameters in STRONG.items()}


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return ENVELOPES.new_key_pair()


@pytest.fixture(scope="module")
def open_envelope(pair: KeyPair) -> Open:
    return ENVELOPES.opener(pair.private)


def sealed_by_another(pair: KeyPair, text: bytes = TEXT, **header: Any) -> str:
    """Give an envelope as another implementation makes it; a header of None is left out."""
    protected = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"} | header
    algorithms = [each for each in (protected["alg"], protected["enc"]) if each]
    made = jwe.JWE(
        text, json.dumps({name: value for name, value in protected.items() if value is not None}), algs=algorithms
    )
    made.add_recipient(jwk.JWK(**pair.public.jwk))
    return str(made.serialize(compact=True))


def with_header(envelope: str, change: Mapping[str, Any]) -> str:
    """Give an envelope with another header, which its tag does not cover."""
    head, *rest = envelope.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) | change
    text = json.dumps({name: value for name, value in header.items() if value is not None}).encode()
    return ".".join([base64.urlsafe_b64encode(text).rstrip(b"=").decode(), *rest])


@pytest.mark.parametrize("name", STRONG)
def test_another_implementation_opens_what_is_sealed_for_its_key(keys: dict[str, jwk.JWK], name: str) -> None:
    public = ENVELOPES.read_public_key(keys[name].export_public())
    envelope = ENVELOPES.sealer(public.jwk)(TEXT)
    opened = jwe.JWE()
    opened.deserialize(envelope, keys[name])
    assert opened.payload == TEXT
    header = json.loads(opened.objects["protected"])
    assert header["alg"] == ("RSA-OAEP-256" if name.startswith("RSA") else "ECDH-ES+A256KW")
    assert (header["enc"], header["kid"], header["cty"]) == ("A256GCM", public.jwk["kid"], "payera-card+json")


@pytest.mark.parametrize("name", STRONG)
def test_the_digest_is_the_thumbprint_that_the_recipient_computes(keys: dict[str, jwk.JWK], name: str) -> None:
    public = ENVELOPES.read_public_key(keys[name].export_public())
    thumbprint = keys[name].thumbprint()
    assert bytes.fromhex(public.digest) == base64.urlsafe_b64decode(thumbprint + "=" * (-len(thumbprint) % 4))


def test_the_digest_is_that_of_the_example_in_rfc_7638() -> None:
    # The example's key has 2048 bits, which is too few for cards: the digest alone is asked for.
    from vault_svc.adapters.jwe.public_keys import digest_of, key_of

    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
        "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6"
        "qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awa"
        "pJzKnqDKgw"
    )
    key = key_of({"kty": "RSA", "n": modulus, "e": "AQAB"})
    expected = base64.urlsafe_b64decode("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs=")
    assert digest_of(key) == expected.hex()


def test_a_recipients_key_id_is_used_and_nothing_else_of_the_key(keys: dict[str, jwk.JWK]) -> None:
    sent = json.loads(keys["P-256"].export_public()) | {"kid": "vault-b", "use": "enc", "x5u": "https://evil.example"}
    public = ENVELOPES.read_public_key(json.dumps(sent))
    assert public.jwk["kid"] == "vault-b"
    assert set(public.jwk) == {"kty", "crv", "x", "y", "kid"}


def test_one_key_written_in_two_ways_has_one_digest(keys: dict[str, jwk.JWK]) -> None:
    sent = json.loads(keys["RSA 3072"].export_public())
    modulus = base64.urlsafe_b64decode(sent["n"] + "=" * (-len(sent["n"]) % 4))
    longer = base64.urlsafe_b64encode(b"\x00\x00\x00" + modulus).rstrip(b"=").decode()
    digests = {ENVELOPES.read_public_key(json.dumps(sent | {"n": n})).digest for n in (sent["n"], longer)}
    assert len(digests) == 1


def refused_keys() -> dict[str, tuple[str, str]]:
    """Give keys that are refused, by what is wrong with them, each with a word of its rule."""
    p256 = jwk.JWK.generate(kty="EC", crv="P-256")
    public = json.loads(p256.export_public())
    rsa = json.loads(jwk.JWK.generate(kty="RSA", size=3072).export_public())
    return {
        "none": ("", "JSON Web Key"),
        "no JSON": ("ssh-rsa AAAA", "JSON Web Key"),
        "a list": (json.dumps([public]), "JSON Web Key"),
        "nested without end": ("[" * 5_000, "JSON Web Key"),
        "a set": (json.dumps({"keys": [public]}), "set of keys"),
        "no type": ("{}", "kty"),
        "a type that is a list": ('{"kty": ["EC"]}', "kty"),
        "symmetric": (jwk.JWK.generate(kty="oct", size=256).export(), "symmetric"),
        "private EC": (p256.export_private(), "private"),
        "private RSA": (jwk.JWK.generate(kty="RSA", size=3072).export_private(), "private"),
        "private X25519": (jwk.JWK.generate(kty="OKP", crv="X25519").export_private(), "private"),
        "private PEM": (p256.export_to_pem(private_key=True, password=None).decode(), "private"),
        "RSA 2048": (jwk.JWK.generate(kty="RSA", size=2048).export_public(), "3072"),
        "RSA of no size": (json.dumps(rsa | {"n": "AQAB"}), "3072"),
        "RSA of huge size": (json.dumps(rsa | {"n": "_" * 1_400}), "8192"),
        "RSA with e = 1": (json.dumps(rsa | {"e": "AQ"}), "65537"),
        "RSA with e = 3": (json.dumps(rsa | {"e": "Aw"}), "65537"),
        "RSA with an even e": (json.dumps(rsa | {"e": "AQAA"}), "65537"),
        "RSA with an even n": (json.dumps(rsa | {"n": rsa["n"][:-1] + "A"}), "n"),
        "RSA without n": (json.dumps({"kty": "RSA", "e": "AQAB"}), "n"),
        "RSA with n as a number": (json.dumps(rsa | {"n": 65537}), "n"),
        "P-521": (jwk.JWK.generate(kty="EC", crv="P-521").export_public(), "crv"),
        "secp256k1": (json.dumps(public | {"crv": "secp256k1"}), "crv"),
        "Ed25519": (jwk.JWK.generate(kty="OKP", crv="Ed25519").export_public(), "crv"),
        "X448": (jwk.JWK.generate(kty="OKP", crv="X448").export_public(), "crv"),
        "no curve": (json.dumps({"kty": "EC", "x": public["x"], "y": public["y"]}), "crv"),
        "not on the curve": (json.dumps(public | {"y": public["x"]}), "members"),
        "no coordinates": (json.dumps({"kty": "EC", "crv": "P-256"}), "members"),
        "small order": (json.dumps({"kty": "OKP", "crv": "X25519", "x": "A" * 43}), "encrypted"),
        "for signatures": (json.dumps(public | {"use": "sig"}), "use"),
        "for verifying": (json.dumps(public | {"key_ops": ["verify"]}), "key_ops"),
        "operations as a text": (json.dumps(public | {"key_ops": "deriveKey"}), "key_ops"),
        "for another algorithm": (json.dumps(public | {"alg": "ECDH-ES"}), "alg"),
        "weak RSA padding": (json.dumps(rsa | {"alg": "RSA1_5"}), "alg"),
        "a card number as id": (json.dumps(public | {"kid": NUMBER}), "kid"),
        "a long id": (json.dumps(public | {"kid": "k" * 129}), "kid"),
        "an id that is no text": (json.dumps(public | {"kid": 1}), "kid"),
    }


def test_keys_that_are_private_weak_or_for_something_else_are_refused_by_their_rule() -> None:
    for what, (text, word) in refused_keys().items():
        with pytest.raises(PublicKeyRefused) as caught:
            ENVELOPES.read_public_key(text)
        assert word in str(caught.value), what
        assert NUMBER not in str(caught.value), what
        assert not any(part in str(caught.value) for part in text.split('"') if len(part) > 20), what


def test_a_pair_is_new_each_time_and_shows_no_private_part() -> None:
    first, second = ENVELOPES.new_key_pair(), ENVELOPES.new_key_pair()
    assert first.public.digest != second.public.digest
    assert "d" not in first.public.jwk
    assert first.private.reveal() not in repr(first).encode()
    assert "private" not in repr(first)
    assert ENVELOPES.read_public_key(json.dumps(first.public.jwk)).digest == first.public.digest


def test_what_another_implementation_sealed_is_opened(pair: KeyPair, open_envelope: Open) -> None:
    assert open_envelope(sealed_by_another(pair)) == TEXT
    assert open_envelope(sealed_by_another(pair, kid=pair.public.jwk["kid"], typ="JOSE", cty="anything")) == TEXT
    assert open_envelope(sealed_by_another(pair, apu="QWxpY2U", apv="Qm9i")) == TEXT


def test_twice_the_same_text_gives_different_envelopes(pair: KeyPair, open_envelope: Open) -> None:
    seal = ENVELOPES.sealer(pair.public.jwk)
    envelopes = {seal(TEXT) for _ in range(5)}
    assert len(envelopes) == 5
    # Every part but the first, which names the algorithm, is another each time.
    assert all(len(set(parts)) == 5 for parts in zip(*(each.split(".") for each in envelopes), strict=True))
    assert {open_envelope(each) for each in envelopes} == {TEXT}


def test_every_changed_bit_of_an_envelope_is_noticed(pair: KeyPair, open_envelope: Open) -> None:
    envelope = ENVELOPES.sealer(pair.public.jwk)(b"{}")
    for place, bit in itertools.product(range(len(envelope)), range(7)):
        changed = envelope[:place] + chr(ord(envelope[place]) ^ (1 << bit)) + envelope[place + 1 :]
        with pytest.raises(EnvelopeRefused):
            open_envelope(changed)


def test_a_cut_envelope_is_refused_wherever_it_is_cut(pair: KeyPair, open_envelope: Open) -> None:
    envelope = ENVELOPES.sealer(pair.public.jwk)(TEXT)
    for end in range(len(envelope)):
        with pytest.raises(EnvelopeRefused):
            open_envelope(envelope[:end])


def test_parts_of_two_envelopes_make_none(pair: KeyPair, open_envelope: Open) -> None:
    seal = ENVELOPES.sealer(pair.public.jwk)
    one, other = seal(TEXT).split("."), seal(TEXT).split(".")
    for mask in range(1, 31):
        mixed = [(one, other)[mask >> place & 1][place] for place in range(5)]
        with pytest.raises(EnvelopeRefused):
            open_envelope(".".join(mixed))


def test_an_envelope_for_another_key_is_refused(open_envelope: Open) -> None:
    other = ENVELOPES.new_key_pair()
    with pytest.raises(EnvelopeRefused, match="another key"):
        open_envelope(ENVELOPES.sealer(other.public.jwk)(TEXT))
    with pytest.raises(EnvelopeRefused, match="another key"):
        open_envelope(sealed_by_another(other))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ECDH-ES"},
        {"alg": "ECDH-ES+A128KW"},
        {"enc": "A128GCM"},
        {"enc": "A256CBC-HS512"},
        {"zip": "DEF"},
    ],
)
def test_other_algorithms_and_compressed_texts_are_refused(
    pair: KeyPair, open_envelope: Open, header: dict[str, Any]
) -> None:
    with pytest.raises(EnvelopeRefused):
        open_envelope(sealed_by_another(pair, **header))


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "dir"},
        {"alg": "RSA1_5"},
        {"alg": "PBES2-HS256+A128KW", "p2s": "AAAA", "p2c": 2**31},
        {"alg": None},
        {"alg": ["ECDH-ES+A256KW"]},
        {"enc": None},
        {"zip": "DEF"},
        {"crit": ["exp"], "exp": 1},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://evil.example/certificate"},
        {"kid": "another"},
        {"kid": 1},
        {"epk": None},
        {"epk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}},
        {"epk": {"kty": "EC", "crv": "P-384"}},
        {"epk": "text"},
        {"epk": {"kty": "oct", "k": "AAAA"}},
        {NUMBER: NUMBER},
    ],
)
def test_headers_that_say_something_else_are_refused(
    pair: KeyPair, open_envelope: Open, change: dict[str, Any]
) -> None:
    envelope = with_header(ENVELOPES.sealer(pair.public.jwk)(TEXT), change)
    with pytest.raises(EnvelopeRefused) as caught:
        open_envelope(envelope)
    assert NUMBER not in str(caught.value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", ".", "....", "a.b.c.d.e", "{}", NUMBER, "." * 10_000, "A" * (ENVELOPE_LONGEST + 1), "é.b.c.d.e", "\x00....",
     "W10....", "bnVsbA....", "Ww....", "eyJhbGciOiAx....", "A" * 2_000 + "...."],
)  # fmt: skip
def test_what_is_no_envelope_is_refused_without_being_repeated(open_envelope: Open, text: str) -> None:
    with pytest.raises(EnvelopeRefused) as caught:
        open_envelope(text)
    assert NUMBER not in str(caught.value)
    assert caught.value.__cause__ is None
