"""What to send to Adyen for each operation (Checkout API v72: /payments and its modifications).

Sources: the API's description; docs.adyen.com, Capture (captureDelayHours and manualCapture decide for one payment),
Tokenization and MIT with own card storage, 3D Secure with data of another provider, SCA exemptions, Level 2/3 data.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mesh.money import Money
from psp_connectors.connectors.adyen.capabilities import (
    AUTHORISATION_TYPE,
    KEY_MAX_LENGTH,
    MERCHANT_ACCOUNT,
    RETURN_URL,
)
from psp_connectors.connectors.adyen.money import UNITS, to_amount
from psp_connectors.domain.addresses import header_key, path_segment
from psp_connectors.domain.cards import Address, Card
from psp_connectors.domain.connector import Account, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Customer,
    Exemption,
    Initiator,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
    ThreeDsResult,
)
from psp_connectors.domain.http import HttpRequest, json_body
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    Capture,
    CardOperation,
    Increment,
    Operation,
    Refund,
    Reversal,
    Sync,
    Verification,
    Void,
)
from psp_connectors.domain.outcomes import CallCode

Fields = dict[str, object]

_MODELS: Final[Mapping[CredentialReason, str]] = MappingProxyType(
    {
        CredentialReason.CARD_ON_FILE: "CardOnFile",
        CredentialReason.RECURRING: "Subscription",
        CredentialReason.INSTALLMENT: "Subscription",
    }
)
_UNSCHEDULED: Final = "UnscheduledCardOnFile"
_INDUSTRY_USAGES: Final[Mapping[CredentialReason, str]] = MappingProxyType(
    {
        CredentialReason.DELAYED_CHARGE: "delayedCharge",
        CredentialReason.NO_SHOW: "noShow",
        CredentialReason.INSTALLMENT: "installment",
    }
)
_EXEMPTIONS: Final[Mapping[Exemption, str]] = MappingProxyType(
    {
        Exemption.LOW_VALUE: "lowValue",
        Exemption.TRANSACTION_RISK: "transactionRiskAnalysis",
        Exemption.TRUSTED_BENEFICIARY: "trustedBeneficiary",
        Exemption.SECURE_CORPORATE: "secureCorporate",
    }
)
# Adyen has an enum for each; a status of another version of the protocol must not be dropped in silence.
_DIRECTORY_STATUSES: Final = frozenset("ACDINRUY")
_CHALLENGE_STATUSES: Final = frozenset("YNUA")

# What an address object must have, where we know nothing: the documented stand-ins.
_NO_TEXT: Final = "NA"
_NO_COUNTRY: Final = "ZZ"
_LONGEST_STATE: Final = 3
_LONGEST_POSTAL_CODE: Final = 10

_MOST_METADATA: Final = 20
_LONGEST_METADATA_KEY: Final = 20
_LONGEST_METADATA_VALUE: Final = 80
_LONGEST_REFERENCE: Final = 80
_LONGEST_RETURN_URL: Final = 1024
_LONGEST_NAME: Final = 80
_LONGEST_EMAIL: Final = 256
_LONGEST_IP: Final = 50
_SHOPPER_REFERENCE_LENGTHS: Final = range(3, 257)
_LONGEST_ORDER_REFERENCE: Final = 1000
_LONGEST_STATEMENT: Final = 22
_LONGEST_CUSTOMER_REFERENCE: Final = 25
_NOT_IN_STATEMENT: Final = re.compile(r"[^A-Za-z0-9 .,'_\-?+*/]")


def build(operation: Operation, account: Account) -> HttpRequest:
    """Give the request for an operation.

    Raises Unsendable for a question (Adyen answers none), an account without a merchant account code, a key or a
    reference that is too long, an amount that Adyen's units can't hold, and an authentication it has no word for.
    """
    if isinstance(operation, Sync):
        raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "Adyen has no call that gives a payment")
    key = header_key(operation.idempotency_key, KEY_MAX_LENGTH)
    if not 0 < len(operation.reference) <= _LONGEST_REFERENCE:
        raise Unsendable(DeclineCode.INVALID_REQUEST, f"Adyen takes references of 1 to {_LONGEST_REFERENCE} characters")
    if not account.settings.get(MERCHANT_ACCOUNT):
        raise Unsendable(CallCode.ACCOUNT_NOT_CONFIGURED, "the account has no merchant account code")
    path, fields = _call_of(operation, account)
    return request_to(account, path, fields, {"Idempotency-Key": key})


def request_to(
    account: Account, path: str, fields: Fields, more_headers: Mapping[str, str] = MappingProxyType({})
) -> HttpRequest:
    """Give a request to a path below the account's address, in the name of its merchant account."""
    content_type, body = json_body({"merchantAccount": account.settings.get(MERCHANT_ACCOUNT, ""), **fields})
    headers = {
        "X-API-Key": account.api_key.reveal(),
        "Accept": "application/json",
        "Content-Type": content_type,
        **more_headers,
    }
    return HttpRequest(method="POST", url=f"{account.base_url}{path}", headers=headers, body=body)


def _call_of(operation: Action, account: Account) -> tuple[str, Fields]:
    if isinstance(operation, Authorization | Verification):
        return "/payments", _payment(operation, account)
    if isinstance(operation, Reversal):
        # Adyen tells the result under either reference, so both are the same.
        return "/cancels", {"reference": operation.reference, "paymentReference": operation.reference}
    payment = f"/payments/{path_segment(operation.psp_reference)}"
    fields: Fields = {"reference": operation.reference}
    match operation:
        case Increment():
            return f"{payment}/amountUpdates", fields | {"amount": to_amount(operation.total)}
        case Capture():
            return f"{payment}/captures", fields | {"amount": to_amount(operation.amount)}
        case Refund():
            return f"{payment}/refunds", fields | {"amount": to_amount(operation.amount)}
        case Void():
            return f"{payment}/cancels", fields


def _payment(operation: CardOperation, account: Account) -> Fields:
    details = operation.details
    additional: dict[str, str] = {}
    fields: Fields = {
        "reference": operation.reference,
        "amount": to_amount(_amount(operation)),
        "returnUrl": _return_url(details, account),
        "paymentMethod": _card(operation.card),
        "shopperInteraction": "Ecommerce",
    }
    if isinstance(operation, Authorization):
        fields |= _capturing(operation, account, additional)
        fields |= _statement(operation.statement_descriptor)
        fields |= _level2(operation)
    fields |= _shopper(details.customer)
    fields |= _authentication(details, additional)
    if details.stored_credential is not None:
        fields |= _stored_credential(details.stored_credential, additional)
    if details.merchant_reference:
        fields["merchantOrderReference"] = details.merchant_reference[:_LONGEST_ORDER_REFERENCE]
    metadata = _metadata(details.metadata)
    if metadata:
        fields["metadata"] = metadata
    if additional:
        fields["additionalData"] = additional
    return fields


def _amount(operation: CardOperation) -> Money:
    return operation.amount if isinstance(operation, Authorization) else Money(0, operation.currency)


def _capturing(operation: Authorization, account: Account, additional: dict[str, str]) -> Fields:
    """Say for this one payment when it is captured, whatever the merchant account is set to."""
    authorisation_type = account.settings.get(AUTHORISATION_TYPE, "")
    if authorisation_type:
        additional["authorisationType"] = authorisation_type
    if operation.capture:
        return {"captureDelayHours": 0}
    additional["manualCapture"] = "true"
    return {}


def _return_url(details: PaymentDetails, account: Account) -> str:
    url = details.return_url or account.settings.get(RETURN_URL, "")
    if not 0 < len(url) <= _LONGEST_RETURN_URL:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "Adyen needs an address for the shopper to come back to")
    return url


def _card(card: Card) -> Fields:
    fields: Fields = {
        "type": "scheme",
        "number": card.number.reveal(),
        "expiryMonth": f"{card.exp_month:02d}",
        "expiryYear": str(card.exp_year),
    }
    if card.code:
        fields["cvc"] = card.code.reveal()
    if card.holder_name:
        fields["holderName"] = card.holder_name
    return fields


def _statement(descriptor: str) -> Fields:
    statement = _NOT_IN_STATEMENT.sub("", descriptor)[:_LONGEST_STATEMENT].strip()
    return {"shopperStatement": statement} if statement else {}


def _level2(operation: Authorization) -> Fields:
    level2 = operation.details.level2
    if level2 is None:
        return {}
    data: Fields = {}
    reference = level2.customer_reference[:_LONGEST_CUSTOMER_REFERENCE].strip()
    if reference.isascii() and reference.strip("0"):
        data["customerReferenceNumber"] = reference
    if level2.tax_amount > 0:
        data["totalTaxAmount"] = UNITS.to_integer(Money(level2.tax_amount, operation.amount.currency))
    return {"enhancedSchemeData": {"levelTwoThree": data}} if data else {}


def _shopper(customer: Customer) -> Fields:
    fields: Fields = {}
    if len(customer.id) in _SHOPPER_REFERENCE_LENGTHS:
        fields["shopperReference"] = customer.id
    if 0 < len(customer.email) <= _LONGEST_EMAIL:
        fields["shopperEmail"] = customer.email
    if 0 < len(customer.ip_address) <= _LONGEST_IP:
        fields["shopperIP"] = customer.ip_address
    first, _, last = customer.name.strip().rpartition(" ")
    if first and last:
        fields["shopperName"] = {"firstName": first.strip()[:_LONGEST_NAME], "lastName": last[:_LONGEST_NAME]}
    address = _billing_address(customer.address)
    if address:
        fields["billingAddress"] = address
    return fields


def _billing_address(address: Address) -> Fields:
    """Give the address object, which Adyen takes whole or not at all; what is not known has a stand-in."""
    if not (address.line1 or address.postal_code):
        return {}
    fields: Fields = {
        "street": address.line1 or _NO_TEXT,
        "houseNumberOrName": address.line2 or _NO_TEXT,
        "city": address.city or _NO_TEXT,
        "postalCode": (address.postal_code or _NO_TEXT)[:_LONGEST_POSTAL_CODE],
        "country": address.country or _NO_COUNTRY,
    }
    if 0 < len(address.state) <= _LONGEST_STATE:
        fields["stateOrProvince"] = address.state
    return fields


def _authentication(details: PaymentDetails, additional: dict[str, str]) -> Fields:
    if details.exemption is not None:
        additional["scaExemption"] = _EXEMPTIONS[details.exemption]
    if details.three_ds is not None:
        return {"mpiData": _mpi_data(details.three_ds), "authenticationData": {"attemptAuthentication": "never"}}
    match details.three_ds_preference:
        case ThreeDsPreference.CHALLENGE:
            # We have no page of ours for Adyen's device fingerprint, so the shopper is redirected.
            request = {"attemptAuthentication": "always", "threeDSRequestData": {"nativeThreeDS": "disabled"}}
            return {"authenticationData": request}
        case ThreeDsPreference.SKIP:
            return {"authenticationData": {"attemptAuthentication": "never"}}
        case ThreeDsPreference.AUTOMATIC:
            return {}


def _mpi_data(result: ThreeDsResult) -> Fields:
    if result.trans_status not in _DIRECTORY_STATUSES or (
        result.challenge_status and result.challenge_status not in _CHALLENGE_STATUSES
    ):
        raise Unsendable(DeclineCode.INVALID_REQUEST, "Adyen has no word for this authentication status")
    data: Fields = {"threeDSVersion": result.version, "directoryResponse": result.trans_status}
    # A frictionless authentication has no challenge result, and Adyen wants the field left out then.
    for name, text in (
        ("eci", result.eci),
        ("cavv", result.cryptogram.reveal()),
        ("dsTransID", result.ds_transaction_id),
        ("authenticationResponse", result.challenge_status),
    ):
        if text:
            data[name] = text
    return data


def _stored_credential(credential: StoredCredential, additional: dict[str, str]) -> Fields:
    """Say which agreement the charge belongs to.

    The card stays in our vault, so Adyen is not asked to store it: the scheme's transaction id links the charges.
    """
    first = credential.use is CredentialUse.FIRST
    fields: Fields = {
        "shopperInteraction": "Ecommerce" if first else "ContAuth",
        "recurringProcessingModel": _MODELS.get(credential.reason, _UNSCHEDULED),
    }
    usage = _INDUSTRY_USAGES.get(credential.reason)
    if usage is not None and credential.initiator is Initiator.MERCHANT:
        fields["industryUsage"] = usage
    if credential.network_transaction_id and not first:
        additional["networkTxReference"] = credential.network_transaction_id
    return fields


def _metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Give the entries within Adyen's bounds; with one too many it would refuse the whole payment (error 177)."""
    fitting = [
        (key, value)
        for key, value in sorted(metadata.items())
        if 0 < len(key) <= _LONGEST_METADATA_KEY and len(value) <= _LONGEST_METADATA_VALUE
    ]
    return dict(fitting[:_MOST_METADATA])
