"""Translates PSP accounts between the contract and the application."""

from datetime import datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from payera.psp.v1 import psp_account_service_pb2 as contract

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
    """Give the configuration that is asked for; what is left out gets its default."""
    fees = request.fee_schedule
    return Configuration(
        base_url=request.base_url.rstrip("/"),
        settings=dict(request.settings),
        limits=AccountLimits(
            concurrent_calls=request.limits.concurrent_calls or _DEFAULT_LIMITS.concurrent_calls,
            calls_per_second=request.limits.calls_per_second,
        ),
        brands=tuple(sorted(set(request.brands))),
        fee_schedule=FeeSchedule(
            basis_points=fees.basis_points, fixed={fee.currency: fee.minor_units for fee in fees.fixed_fees}
        )
        if request.HasField("fee_schedule")
        else None,
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


def _fee_message(fees: FeeSchedule | None) -> contract.FeeSchedule | None:
    if fees is None:
        return None
    fixed = [contract.FixedFee(currency=currency, minor_units=units) for currency, units in sorted(fees.fixed.items())]
    return contract.FeeSchedule(basis_points=fees.basis_points, fixed_fees=fixed)
