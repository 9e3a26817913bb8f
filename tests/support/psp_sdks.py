"""The official SDKs of Stripe, Adyen and Checkout.com, pointed at an address of ours; PayPal's is in `paypal_sdk`."""

import warnings
from typing import Any

import requests
import stripe
from Adyen.client import AdyenClient  # type: ignore[import-untyped]
from Adyen.services.checkout.modifications_api import ModificationsApi  # type: ignore[import-untyped]
from Adyen.services.checkout.payments_api import PaymentsApi  # type: ignore[import-untyped]
from checkout_sdk.checkout_sdk import CheckoutSdk  # type: ignore[import-untyped]
from checkout_sdk.environment import Environment  # type: ignore[import-untyped]
from checkout_sdk.http_client_interface import HttpClientBuilderInterface  # type: ignore[import-untyped]

TIMEOUT_SECONDS = 20

CHECKOUT_SECRET_KEY = "sk_sbox_m73dzbpy7cf3gfd46xr4yj5xo4e"
"""Made up, in the form that the SDK insists on."""


def stripe_sdk(base_url: str, api_key: str) -> stripe.StripeClient:
    """Give Stripe's client: one attempt, no telemetry, plain HTTP to `base_url` (without a path)."""
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base_url, "files": base_url, "connect": base_url, "meter_events": base_url},
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        max_network_retries=0,
    )


def adyen_sdk(base_url: str, api_key: str) -> tuple[Any, Any]:
    """Give Adyen's payments and modifications; `base_url` ends with the version, such as `/v72`."""
    client = AdyenClient(xapikey=api_key, platform="test", http_force="urllib", http_timeout=TIMEOUT_SECONDS)
    payments, modifications = PaymentsApi(client), ModificationsApi(client)
    payments.baseUrl = modifications.baseUrl = base_url
    return payments, modifications


class _Session(HttpClientBuilderInterface):  # type: ignore[misc]
    """A session that no proxy of the environment stands in front of, and that ends."""

    def get_client(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.request = _bounded(session.request)  # type: ignore[method-assign]
        return session


def _bounded(request: Any) -> Any:
    def ask(*args: Any, **options: Any) -> Any:
        return request(*args, **{"timeout": TIMEOUT_SECONDS, **options})

    return ask


def checkout_sdk(base_url: str, secret_key: str = CHECKOUT_SECRET_KEY) -> Any:
    """Give Checkout.com's client; the key must have the form of one of theirs.

    It is told to use no subdomain of a merchant, since 127.0.0.1 has none; it warns of that, and of what
    it will drop one day.
    """
    address = f"{base_url}/"
    environment = Environment(
        base_uri=address,
        authorization_uri=f"{address}connect/token",
        files_uri=address,
        transfers_uri=address,
        balances_uri=address,
        forward_uri=address,
        identity_uri=address,
        is_sandbox=True,
    )
    builder = CheckoutSdk.builder().secret_key(secret_key).environment(environment).http_client_builder(_Session())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return builder.use_legacy_domain().build()
