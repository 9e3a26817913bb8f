"""Logs as JSON lines without secrets, and the metrics of a process with their page."""

import logging
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server
from prometheus_client.process_collector import ProcessCollector

from mesh.redaction import Redactor

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CLOSE_SECONDS = 5.0


def configure_logging(service: str, level: str) -> Any:  # noqa: ANN401 - structlog's loggers have no common type
    """Send this process's logs, those of libraries included, to stdout as redacted JSON lines, and give its logger.

    Raises ValueError for a level other than debug, info, warning, error.
    """
    if level not in LEVELS:
        message = f"there is no log level {level!r}; use one of {', '.join(LEVELS)}"
        raise ValueError(message)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Redactor(),
            _Headed(service),
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logger = structlog.get_logger().bind()
    handler = _LibraryLogs(logger)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries tell their debugging at info; what matters of them comes as warnings.
    root.setLevel(max(LEVELS[level], logging.WARNING))
    return logger


def _encode(event: dict[str, Any], **_: object) -> bytes:
    return msgspec.json.encode(event)


class _Headed:
    """A structlog processor that begins every line with when, how grave, who and what, so that lines can be scanned."""

    __slots__ = ("_service",)

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401 - structlog's own type
        """Put the four fields in front."""
        head = {"timestamp": event["timestamp"], "level": event["level"], "service": self._service}
        return head | {"event": event["event"]} | event


class _LibraryLogs(logging.Handler):
    """Writes what libraries log through the same pipeline."""

    def __init__(self, logger: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises."""
        try:
            write = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
            write(record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - logging must not break its caller
            self.handleError(record)


class Metrics:
    """The metrics of one process, in a registry of their own; services add theirs to `registry`."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("payera_service", "Which service this is.", registry=self.registry).info({"service": service})
        self.calls = Counter(
            "payera_rpc_calls", "Calls answered, by method and gRPC code.", ("method", "code"), registry=self.registry
        )
        self.seconds = Histogram(
            "payera_rpc_seconds",
            "Time from a call's arrival to its answer, by method and gRPC code.",
            ("method", "code"),
            buckets=_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge("payera_rpc_in_flight", "Calls being served now.", registry=self.registry)


def serve_metrics(listen: str, metrics: Metrics) -> Callable[[], None]:
    """Serve the Prometheus page on `host:port` from a thread of its own, and give the function that stops it.

    With an empty `listen` nothing is served. Raises OSError when it can't be bound.
    """
    if not listen:
        return lambda: None
    host, _, port = listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), addr=host, registry=metrics.registry)
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"can't listen on {listen}, PAYERA_METRICS_LISTEN: {reason}"
        raise OSError(message) from None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(_CLOSE_SECONDS)

    return stop
