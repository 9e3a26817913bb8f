"""Logs and counts calls to PSPs."""

import time
from typing import Any

from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Histogram

from psp_connectors.application.ports import Performed
from psp_connectors.domain.outcomes import CallCode

UNCONFIGURED = "unconfigured"
_TROUBLED = frozenset({"not_sent", "unknown"})

_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class LoggingObserver:
    """Writes one log line and one span per call and keeps the PSP metrics.

    Without a tracer of its own it takes the process's: spans go nowhere unless whoever runs the service set an SDK up.
    """

    def __init__(
        self,
        logger: Any,  # noqa: ANN401 - structlog's loggers have no type
        registry: CollectorRegistry,
        tracer: trace.Tracer | None = None,
    ) -> None:
        self._logger = logger
        self._outcomes = Counter(
            "payera_psp_outcomes",
            "Calls to PSPs by what they came to.",
            ("psp", "account", "operation", "kind", "code"),
            registry=registry,
        )
        self._durations = Histogram(
            "payera_psp_call_seconds",
            "Duration of calls to PSPs, detokenization included.",
            ("psp", "account", "operation"),
            registry=registry,
            buckets=_BUCKETS_SECONDS,
        )
        self._unmapped = Counter(
            "payera_psp_unmapped_codes",
            "Declines with a code our tables do not know.",
            ("psp", "account"),
            registry=registry,
        )
        self._tracer = tracer or trace.get_tracer("payera.psp_connectors")

    def performed(self, call: Performed) -> None:
        """Log and count one call."""
        # A name that is not ours must not become a label: callers could invent as many as they like.
        account = UNCONFIGURED if call.code == CallCode.ACCOUNT_NOT_CONFIGURED else call.account
        self._outcomes.labels(call.psp, account, call.operation, call.kind, call.code).inc()
        self._durations.labels(call.psp, account, call.operation).observe(call.duration_ms / 1000)
        if call.unmapped_code:
            self._unmapped.labels(call.psp, call.account).inc()
        self._trace(call)
        self._logger.info(
            "psp_call",
            psp=call.psp or None,
            account=call.account,
            operation=call.operation,
            reference=call.reference,
            outcome=call.kind,
            code=call.code,
            unmapped_code=call.unmapped_code or None,
            duration_ms=call.duration_ms,
        )

    def _trace(self, call: Performed) -> None:
        """Give the call as a finished client span: only at the end is known what came of it."""
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"psp {call.operation}",
            kind=trace.SpanKind.CLIENT,
            start_time=ended - int(call.duration_ms * 1_000_000),
            attributes={
                "payera.psp": call.psp,
                "payera.psp_account": call.account,
                "payera.operation": call.operation,
                "payera.reference": call.reference,
                "payera.outcome": call.kind,
                "payera.code": call.code,
            },
        )
        if call.kind in _TROUBLED:
            span.set_status(trace.StatusCode.ERROR, call.code)
        span.end(ended)

    def misbehaved(self, account: str, operation: str, error: Exception) -> None:
        """Log the error's type alone: its text could hold what the connector was handling."""
        self._logger.error("connector_misbehaved", account=account, operation=operation, error=type(error).__name__)
