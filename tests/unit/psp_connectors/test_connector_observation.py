from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from psp_connectors.adapters.observation import LoggingObserver
from psp_connectors.application.ports import Performed
from tests.fakes.log import FakeLog


def call(**changes: object) -> Performed:
    fields: dict[str, object] = {
        "account": "stripe_eu",
        "psp": "stripe",
        "operation": "authorize",
        "reference": "pay_1_1",
        "kind": "approved",
        "code": "",
        "unmapped_code": "",
        "duration_ms": 12.5,
    }
    return Performed(**(fields | changes))  # type: ignore[arg-type]


class Bench:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.registry = CollectorRegistry()
        self.log = FakeLog()
        self.observer = LoggingObserver(self.log.logger, self.registry, provider.get_tracer("test"))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def test_each_call_is_a_client_span_of_its_own_length() -> None:
    bench = Bench()
    bench.observer.performed(call())
    (span,) = bench.exporter.get_finished_spans()
    assert (span.name, span.kind) == ("psp authorize", trace.SpanKind.CLIENT)
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 12_500_000
    assert dict(span.attributes or {}) == {
        "payera.psp": "stripe",
        "payera.psp_account": "stripe_eu",
        "payera.operation": "authorize",
        "payera.reference": "pay_1_1",
        "payera.outcome": "approved",
        "payera.code": "",
    }
    assert span.status.is_unset


def test_only_technical_trouble_makes_a_span_an_error() -> None:
    bench = Bench()
    for kind in ("declined", "pending", "unknown", "not_sent"):
        bench.observer.performed(call(kind=kind, code="x"))
    statuses = [span.status.status_code for span in bench.exporter.get_finished_spans()]
    assert statuses == [trace.StatusCode.UNSET] * 2 + [trace.StatusCode.ERROR] * 2


def test_calls_are_counted_by_psp_account_operation_and_outcome() -> None:
    bench = Bench()
    bench.observer.performed(call(kind="declined", code="unknown_decline", unmapped_code="xyz"))
    labels = {"psp": "stripe", "account": "stripe_eu"}
    outcome = labels | {"operation": "authorize", "kind": "declined", "code": "unknown_decline"}
    assert bench.sample("payera_psp_outcomes_total", **outcome) == 1
    assert bench.sample("payera_psp_unmapped_codes_total", **labels) == 1
    assert bench.sample("payera_psp_call_seconds_count", **labels, operation="authorize") == 1


def test_a_name_that_is_no_account_becomes_no_label() -> None:
    bench = Bench()
    bench.observer.performed(call(account="invented", psp="", kind="not_sent", code="account_not_configured"))
    labels = {"psp": "", "operation": "authorize"}
    assert bench.sample("payera_psp_call_seconds_count", **labels, account="unconfigured") == 1
    assert bench.sample("payera_psp_call_seconds_count", **labels, account="invented") is None


def test_a_connector_that_raised_is_named_without_its_words() -> None:
    bench = Bench()
    bench.observer.misbehaved("stripe_eu", "authorize", ValueError("4242424242424242"))
    assert "4242424242424242" not in repr(bench.log.lines)
    assert bench.log.lines[0]["error"] == "ValueError"
