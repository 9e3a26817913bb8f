"""The PSP accounts of the stack, as its connectors know them and as the sandbox PSP keeps them."""

from typing import Any, Final

from devstack.configuration import Configuration
from devstack.names import PSP_ACCOUNT_PORTS, PSP_DIALECTS
from devstack.sandbox.keys import key_of, webhook_secret_of

MERCHANT_ACCOUNT: Final = "PayeraSandbox_ECOM"
CLIENT_ID: Final = "AYera-sandbox-client-id-of-this-machine"
WEBHOOK_ID: Final = "1PAYERASANDBOX0001"
RETURN_URL: Final = "https://shop.example/return"
#: Adyen's version is a part of the base address.
_PATHS: Final = {"adyen": "/v72"}
_SETTINGS: Final = {
    "adyen": {"merchant_account": MERCHANT_ACCOUNT},
    "paypal": {"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID},
}
_CONNECTORS_SETTINGS: Final = {"adyen": {"return_url": RETURN_URL}}


def api_key(configuration: Configuration, account: str) -> str:
    """Return the account's key at the sandbox PSP."""
    return key_of(PSP_DIALECTS.get(account, ""), configuration.secrets[f"psp/{account}"])


def webhook_secret(configuration: Configuration, account: str) -> str:
    """Return what the account's webhooks are signed with; for accounts that speak a real PSP's wire API."""
    return webhook_secret_of(PSP_DIALECTS[account], configuration.secrets[f"webhooks/{account}"])


def paypal_root(configuration: Configuration) -> str:
    """Make the certificate (PEM) that vouches for the webhooks of the sandbox's PayPal."""
    from devstack.sandbox.dialects.paypal.certificates import root_pem

    account = next(account for account, dialect in PSP_DIALECTS.items() if dialect == "paypal")
    return root_pem(api_key(configuration, account))


def accounts_of_the_connectors(configuration: Configuration, root: str) -> list[dict[str, Any]]:
    """Return the accounts for PAYERA_PSP_ACCOUNTS; `root` is the certificate of `paypal_root`."""
    return [_known_to_the_connectors(configuration, account, root) for account in PSP_ACCOUNT_PORTS]


def _known_to_the_connectors(configuration: Configuration, account: str, root: str) -> dict[str, Any]:
    dialect = PSP_DIALECTS.get(account)
    address = configuration.address(PSP_ACCOUNT_PORTS[account])
    entry: dict[str, Any] = {
        "account": account,
        "connector": dialect or "sandbox",
        "base_url": f"http://{address}{_PATHS.get(dialect or '', '')}",
        "api_key": api_key(configuration, account),
    }
    if dialect is None:
        return entry
    entry["settings"] = _SETTINGS.get(dialect, {}) | _CONNECTORS_SETTINGS.get(dialect, {})
    if dialect == "paypal":
        # PayPal signs with a certificate, not with a secret of the account.
        return entry | {"secrets": {"webhook_roots": root}}
    return entry | {"webhook_secrets": [webhook_secret(configuration, account)]}


def accounts_of_the_sandbox(configuration: Configuration) -> list[dict[str, Any]]:
    """Return the accounts for PAYERA_SANDBOX_ACCOUNTS; webhooks go to the stack's own edge."""
    accounts: list[dict[str, Any]] = []
    for account, port in PSP_ACCOUNT_PORTS.items():
        entry = {
            "account": account,
            "api_key": api_key(configuration, account),
            "port": configuration.ports[port],
        }
        dialect = PSP_DIALECTS.get(account)
        if dialect is not None:
            entry |= {
                "dialect": dialect,
                "webhook_url": f"{configuration.rest_url}/v1/psp-webhooks/{account}",
                "webhook_secret": webhook_secret(configuration, account),
                "settings": _SETTINGS.get(dialect, {}),
            }
        accounts.append(entry)
    return accounts
