"""The only door to OpenTelemetry: spans where a collector is named and the extra `tracing` installed, else nothing.

Attributes are the ids of jobs, names of routes and providers, and counts. Never is one a person's data, and of an error
only its kind is told.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Thread
from typing import Final

from everreach.observability.logs import concerned

try:
    from opentelemetry import context, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True

Noted = Callable[..., None]
"""Adds attributes to a span, by their names: what is known only when its work is done."""

FAREWELL: Final = "last spans"
"""The name of the thread that sends them."""

_SERVICE: Final = "everreach-import"  # Unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise.
_EXPORT_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 1.5  # A process that is told to end has more to do than to wait for a collector.
_log = logging.getLogger(__name__)


class _Tracing:
    """Whether spans are made in this process, and who makes them."""

    provider: "TracerProvider | None" = None
    tracer: "trace.Tracer | None" = None


def start(endpoint: str | None) -> None:
    """Send spans to the collector at this address, OTLP over HTTP; None is nowhere."""
    if endpoint and INSTALLED:
        record(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=_EXPORT_SECONDS)))
    elif endpoint:
        # Some platforms name a collector to everything that they run. That is no reason not to serve.
        _log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but there are no traces without the extra `tracing`")


def record(processor: "SpanProcessor") -> None:
    """Give every span to this processor, from now on."""
    resource = Resource.create({"service.name": _SERVICE}).merge(OTELResourceDetector().detect())
    _Tracing.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _Tracing.provider.add_span_processor(processor)
    _Tracing.tracer = _Tracing.provider.get_tracer("everreach")


async def stop() -> None:
    """Make no more spans, and send those that are left, if the collector takes them in a moment."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider:
        # The library would wait for half a minute; its last thread may be left behind.
        sending = Thread(target=provider.shutdown, name=FAREWELL, daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, _FAREWELL_SECONDS)


def span(name: str, **attributes: str | int) -> AbstractContextManager[Noted]:
    """A span for what is done inside, with the id of the job that it is done for."""
    return _span(_Tracing.tracer, name, attributes) if _Tracing.tracer else _NOTHING


def begin(route: str, headers: Mapping[str, str]) -> "trace.Span | None":
    """The span of an HTTP request: below the caller's where it names one, and above all that is done from now on."""
    if _Tracing.tracer is None:
        return None
    above = TraceContextTextMapPropagator().extract(headers, context.Context())
    made = _Tracing.tracer.start_span(route, above, trace.SpanKind.SERVER)
    context.attach(trace.set_span_in_context(made, above))
    return made


def end(request: "trace.Span | None", route: str, status: int) -> None:
    """It was answered."""
    if request:
        request.set_attributes({"http.route": route, "http.response.status_code": status, **_ids()})
        request.end()


_NOTHING: Final[AbstractContextManager[Noted]] = nullcontext(lambda **_: None)


@contextmanager
def _span(tracer: "trace.Tracer", name: str, attributes: Mapping[str, str | int]) -> Iterator[Noted]:
    known = {**_ours(attributes), **_ids()}
    # An exception's text may hold a person's data, so that the library must not record it.
    with tracer.start_as_current_span(
        name, attributes=known, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield lambda **noted: made.set_attributes(_ours(noted))
        except Exception as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(trace.StatusCode.ERROR)
            raise


def _ours(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"everreach.{name}": value for name, value in attributes.items()}


def _ids() -> dict[str, str | int]:
    return _ours({name: value for name, value in concerned().items() if name == "job_id"})
