"""PayPal's official SDK, pointed at an address of ours instead of PayPal's."""

from typing import Any

import requests
from paypalserversdk.configuration import Environment  # type: ignore[import-untyped]
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials  # type: ignore[import-untyped]
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

SANDBOX = "https://api-m.sandbox.paypal.com"


class _Elsewhere(HTTPAdapter):
    """Carries what is meant for PayPal's sandbox to another address."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = self._base_url + request.url.removeprefix(SANDBOX)
        return super().send(request, *args, **options)


def paypal_sdk(base_url: str, client_id: str, secret: str) -> Any:
    """Give a client of the SDK that speaks to `base_url`; it gets its tokens there too, and tries everything once."""
    session = requests.Session()
    session.trust_env = False
    session.mount(SANDBOX, _Elsewhere(base_url))
    return PaypalServersdkClient(
        http_client_instance=session,
        override_http_client_configuration=False,
        timeout=20,
        max_retries=0,
        environment=Environment.SANDBOX,
        client_credentials_auth_credentials=ClientCredentialsAuthCredentials(
            o_auth_client_id=client_id, o_auth_client_secret=secret
        ),
    )
