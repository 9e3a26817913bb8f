"""Translates PSP accounts between the contract and the application."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from payera.psp.v1 import psp_account_service_pb2 as contract
from payera.psp.v1 import psp_fees_pb2 as fees_pb2

from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from psp_connectors.application.account_ports import AccountRecord, Configuration, SecretRecord
from psp_connectors.application.check_account import CheckReport, CheckVerdict
from psp_connectors.application.credentials import Credentials
from psp_connectors.application.manage_accounts import Order
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccountLimits, Connector
from psp_connectors.domain.fees import FeeSchedule

WEBHOOK_PATH: Final = "/v1/psp-webhooks/"
_DEFAULT_LIMITS: Final = AccountLimits()
_RESULTS: Final = {
    CheckVerdict.PASSED: contract.CheckPspAccountResponse.PASSED,
    CheckVerdict.FAILED: contract.CheckPspAccountResponse.FAILED,
    CheckVerdict.UNREACHABLE: contract.CheckPspAccountResponse.UNREACHABLE,
    CheckVerdict.NOT_POSSIBLE: contract.CheckPspAccountResponse.NOT_POSSIBLE,
}


def order_of(request: contract.CreatePspAccountRequest) -> Order:
    """Give the account that is asked for."""
    return Order(
        name=request.account,
        merchant_id=request.merchant_id,
        connector=request.connector,
        configuration=configuration_of(request),
        credentials=credentials_of(request),
    )


def configuration_of(
    request: contract.CreatePspAccountRequest | contract.ConfigurePspAccountRequest,
) -> Configuration:
    """Give the configuration that is asked for; what is left out gets its default.

    Refuses with INVALID_FIELD fees that name a currency or brand twice.
    """
    return Configuration(
        base_url=request.base_url.rstrip("/"),
        settings=dict(request.settings),
        limits=AccountLimits(
            concurrent_calls=request.limits.concurrent_calls or _DEFAULT_LIMITS.concurrent_calls,
            calls_per_second=request.limits.calls_per_second,
        ),
        brands=tuple(sorted(set(request.brands))),
        fee_schedule=_fees_of(request.fee_schedule) if request.HasField("fee_schedule") else None,
    )


def credentials_of(
    request: contract.CreatePspAccountRequest | contract.SetPspCredentialsRequest,
) -> Credentials:
    """Give the credentials, from here on as types that never show themselves."""
    return Credentials(Secret(request.api_key), {name: Secret(text) for name, text in request.secrets.items()})


def account_message(record: AccountRecord, connector: Connector | None) -> contract.PspAccount:
    """Give an account as operators see it: its credentials by name alone."""
    configuration = record.configuration
    takes_webhooks = connector is not None and connector.read_webhook is not None
    return contract.PspAccount(
        account=record.name,
        merchant_id=record.merchant_id,
        connector=record.connector,
        base_url=configuration.base_url,
        settings=configuration.settings,
        credential_names=record.credential_names,
        limits=contract.PspAccountLimits(
            concurrent_calls=configuration.limits.concurrent_calls,
            calls_per_second=configuration.limits.calls_per_second,
        ),
        brands=configuration.brands,
        fee_schedule=_fee_message(configuration.fee_schedule),
        source=contract.PspAccount.FILE if record.created_at is None else contract.PspAccount.DATABASE,
        webhook_path=f"{WEBHOOK_PATH}{record.name}" if takes_webhooks else "",
        version=record.version,
        create_time=timestamp(record.created_at),
        update_time=timestamp(record.updated_at),
        disable_time=timestamp(record.disabled_at),
    )


def secret_message(record: SecretRecord) -> contract.WebhookSecret:
    """Give a webhook secret as operators see it: without the secret."""
    return contract.WebhookSecret(
        id=record.id,
        account=record.account,
        create_time=timestamp(record.created_at),
        expire_time=timestamp(record.expires_at),
    )


def check_message(report: CheckReport) -> contract.CheckPspAccountResponse:
    """Give what a check came to."""
    return contract.CheckPspAccountResponse(result=_RESULTS[report.verdict], tried=report.tried, detail=report.detail)


def timestamp(moment: datetime | None) -> Timestamp | None:
    """Give a time in the contract's words, None for one that is missing."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _fees_of(fees: contract.FeeSchedule) -> FeeSchedule:
    _require_once("fee_schedule.fixed_fees", "currency", [fee.currency for fee in fees.fixed_fees])
    _require_once("fee_schedule.scheme_fees", "brand", [fee.brand for fee in fees.scheme_fees])
    return FeeSchedule(
        basis_points=fees.basis_points,
        fixed={fee.currency: fee.minor_units for fee in fees.fixed_fees},
        schemes={fee.brand: fee.basis_points for fee in fees.scheme_fees},
        cross_border_basis_points=fees.cross_border_fee.basis_points,
        country=fees.cross_border_fee.country,
    )


def _require_once(field: str, what: str, names: Sequence[str]) -> None:
    """Refuse a list that has one name twice with INVALID_FIELD: nobody could say which of the two fees is meant."""
    if len(set(names)) < len(names):
        rule = f"each {what} may be there once"
        raise Refusal(
            Reason.INVALID_FIELD,
            violations=[Violation(field, rule)],
            field=field,
            detail=f"`{field}`: {rule}.",
        )


def _fee_message(fees: FeeSchedule | None) -> contract.FeeSchedule | None:
    if fees is None:
        return None
    fixed = [contract.FixedFee(currency=currency, minor_units=units) for currency, units in sorted(fees.fixed.items())]
    schemes = [fees_pb2.SchemeFee(brand=brand, basis_points=points) for brand, points in sorted(fees.schemes.items())]
    abroad = fees_pb2.CrossBorderFee(country=fees.country, basis_points=fees.cross_border_basis_points)
    return contract.FeeSchedule(
        basis_points=fees.basis_points,
        fixed_fees=fixed,
        scheme_fees=schemes,
        cross_border_fee=abroad if fees.country else None,
    )
