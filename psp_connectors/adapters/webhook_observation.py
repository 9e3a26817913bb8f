"""Metrics and log lines of accounts and webhooks. No line holds a body, a header or a secret."""

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from psp_connectors.application.webhook_ports import (
    Backlog,
    Delivered,
    Disposition,
    DueEvent,
    EventState,
    Receipt,
    WebhookState,
)

_NOT_TOLD: Final = "NOT_TOLD"


class MetricsWebhookObserver:
    """Counts by account: only accounts that are set up get here, so that strangers make no series."""

    def __init__(self, logger: Any, registry: CollectorRegistry) -> None:  # noqa: ANN401 - structlog's loggers
        self._logger = logger
        self._received = Counter(
            "payera_psp_webhooks",
            "Webhooks at the door, by account and receipt.",
            ("account", "receipt"),
            registry=registry,
        )
        self._refused_items = Counter(
            "payera_psp_webhook_items_refused",
            "Items of batches that were forged or unreadable.",
            ("account",),
            registry=registry,
        )
        self._verified = Counter(
            "payera_psp_webhook_verifications",
            "Attempts to verify with a certificate.",
            ("account", "state"),
            registry=registry,
        )
        self._delivered = Counter(
            "payera_psp_webhook_events",
            "Events told to the gateway.",
            ("account", "disposition", "state"),
            registry=registry,
        )
        self._backlog = Gauge(
            "payera_psp_webhook_backlog",
            "Webhooks and events that wait, counted to 10000.",
            ("kind",),
            registry=registry,
        )

    def received(self, account: str, receipt: Receipt, refused_items: int) -> None:
        """Count a webhook at the door, and the items of a batch that were refused."""
        self._received.labels(account, receipt.value).inc()
        if refused_items:
            self._refused_items.labels(account).inc(refused_items)
        if receipt is Receipt.FORGED or refused_items:
            self._logger.warning("webhook refused", account=account, receipt=receipt.value, refused_items=refused_items)

    def verified(self, account: str, webhook_id: str, state: WebhookState) -> None:
        """Count what an attempt to verify came to."""
        self._verified.labels(account, state.value).inc()
        if state in {WebhookState.REFUSED, WebhookState.PARKED}:
            self._logger.warning("webhook not verified", account=account, webhook_id=webhook_id, state=state.value)

    def delivered(self, event: DueEvent, delivered: Delivered) -> None:
        """Count and log what an attempt to deliver came to."""
        disposition = delivered.disposition.value or _NOT_TOLD
        self._delivered.labels(event.account, disposition, delivered.state.value).inc()
        trouble = delivered.state is EventState.PARKED or delivered.disposition is Disposition.REVIEW
        write = self._logger.warning if trouble else self._logger.info
        write(
            "webhook event",
            account=event.account,
            webhook_id=event.webhook_id,
            event_type=event.notification.event_type,
            state=delivered.state.value,
            disposition=disposition,
            payment_id=delivered.payment_id,
            attempts=event.attempts,
            request_id=event.request_id,
        )

    def misread(self, account: str, error: Exception) -> None:
        """Log a fault of ours while a webhook was handled; its text may quote the body, so the type alone."""
        self._logger.error("fault while a webhook was handled", account=account, error=type(error).__name__)

    def backlog(self, backlog: Backlog) -> None:
        """Show how much waits."""
        self._backlog.labels("unverified").set(backlog.unverified)
        self._backlog.labels("waiting").set(backlog.waiting)
        self._backlog.labels("parked").set(backlog.parked)


class LoggingRegistryObserver:
    """Logs what the registry of accounts finds."""

    def __init__(self, logger: Any) -> None:  # noqa: ANN401
        self._logger = logger

    def loaded(self, accounts: int, version: int) -> None:
        """Log that the accounts were read anew."""
        self._logger.info("accounts read", accounts=accounts, version=version)

    def unusable(self, account: str, why: str) -> None:
        """Log that an account can't be used."""
        self._logger.error("account unusable", account=account, why=why)
