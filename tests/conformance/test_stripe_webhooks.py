"""Stripe's webhooks: the public signature vector, and mutated answers of the samples."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import default_folder
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext
from tests.contract.connector_suite import BOUNDED
from tests.fakes.connectors.stripe import stripe_account

STRIPE = CONNECTORS["stripe"]
SPECS = default_folder()

pytestmark = pytest.mark.skipif(SPECS is None, reason="the PSP material at ../shared/psp is not there")


def vector() -> dict[str, Any]:
    assert SPECS is not None
    vectors = json.loads((SPECS.parent / "vectors/webhook_vectors.json").read_text())
    (found,) = [one for one in vectors if one["psp"] == "stripe"]
    assert isinstance(found, dict)
    return found


def authenticity(header: str, body: bytes, secret: str, now: int = 1_533_204_620) -> Authenticity:
    assert STRIPE.read_webhook is not None
    raw = RawWebhook(headers={"stripe-signature": header}, body=body)
    context = WebhookContext(secrets=[Secret(secret)], now=now)
    return STRIPE.read_webhook(raw, stripe_account(), context).authenticity


def test_the_public_vector_is_genuine() -> None:
    public = vector()
    header, body, secret = (
        public["header"].removeprefix("Stripe-Signature: "),
        public["body"].encode(),
        public["secret"],
    )
    assert authenticity(header, body, secret) is Authenticity.GENUINE
    assert authenticity(header, body, secret, now=1_533_204_620 + 300) is Authenticity.GENUINE
    assert authenticity(header, body, secret, now=1_533_204_620 + 301) is Authenticity.FORGED
    assert authenticity(header, body, "other") is Authenticity.FORGED


@BOUNDED
@given(data=st.data())
def test_any_changed_byte_of_the_vector_makes_it_forged(data: st.DataObject) -> None:
    public = vector()
    body = bytearray(public["body"].encode())
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    header = public["header"].removeprefix("Stripe-Signature: ")
    assert authenticity(header, bytes(body), public["secret"]) is Authenticity.FORGED
