"""Traces: what is done for whom, in spans below one another, with ids and counts and nobody's data."""

import runpy
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from everreach.observability import tracing
from providers.sandbox.faults import Fault
from tests.world import World, bearer, new_user

PERSON = "hedy.lamarr@sandbox.example"
SIZE = 2500


@pytest.fixture
def exported(world: World) -> Iterator[InMemorySpanExporter]:
    """Where the spans of the world's node go; the node ends that when it stops."""
    exporter = InMemorySpanExporter()
    tracing.record(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def attribute(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {})[f"everreach.{name}"]


def below(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    return inner.parent is not None and outer.context is not None and inner.parent.span_id == outer.context.span_id


@pytest.mark.parametrize("provider", ["google", "microsoft"])
@pytest.mark.gen_test
async def test_an_import_is_a_trace_of_its_own(world: World, exported: InMemorySpanExporter, provider: str) -> None:
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    await world.ended(job_id, user)
    await world.node.services.runner.stop(5)
    (turn,) = named(exported, "import turn")
    fetches, writes, calls = (named(exported, name) for name in ("page fetch", "page write", "provider call"))
    assert turn.parent is None
    for span in (turn, *fetches, *writes):
        assert (attribute(span, "job_id"), attribute(span, "provider")) == (job_id, provider)
    assert all(below(span, turn) for span in (*fetches, *writes))
    assert attribute(turn, "contacts") == sum(attribute(span, "contacts") for span in fetches) == SIZE
    assert {attribute(span, "step") for span in writes} == {"contacts", "commit"}
    pages = [call for call in calls if any(below(call, fetch) for fetch in fetches)]
    assert len(pages) >= len(fetches) >= 3
    assert {attribute(call, "call") for call in calls} == {"token", "read"}


@pytest.mark.gen_test
async def test_a_request_is_a_span_with_its_route_and_its_exchange_below(
    world: World, exported: InMemorySpanExporter
) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    await world.ended(job_id, user)
    (callback,) = named(exported, "CallbackHandler")
    assert callback.attributes == {
        "http.route": "CallbackHandler",
        "http.response.status_code": 302,
        "everreach.job_id": job_id,
    }
    assert [attribute(span, "call") for span in named(exported, "provider call") if below(span, callback)] == ["token"]
    assert {span.parent for span in named(exported, "StatusHandler")} == {None}


@pytest.mark.gen_test
async def test_a_request_stands_below_the_span_that_its_caller_names(
    world: World, exported: InMemorySpanExporter
) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = {**bearer(new_user()), "Traceparent": f"00-{trace}-{span}-01"}
    await world.fetch(f"{world.origin}/api/v1/contacts/import/list", **headers)
    await world.fetch(f"{world.origin}/livez", Traceparent="noise")
    (listed,), (alive,) = named(exported, "ListHandler"), named(exported, "LiveHandler")
    assert listed.parent
    assert (f"{listed.parent.trace_id:032x}", f"{listed.parent.span_id:016x}") == (trace, span)
    assert alive.parent is None


@pytest.mark.gen_test
async def test_of_an_error_only_its_kind_is_told_and_of_a_person_nothing(
    world: World, exported: InMemorySpanExporter
) -> None:
    world.sandbox.faults.add(Fault("http_500", "page", page=1))
    user = new_user()
    job_id, page = await world.start("google", user)
    url = await world.decide(page, account=PERSON, size=SIZE)
    await world.back(url)
    await world.ended(job_id, user)
    spans = exported.get_finished_spans()
    # The call, and the fetch of a page that it was for.
    assert [(span.attributes or {}).get("error.type") for span in spans].count("UnrenderedError") == 2
    told = " ".join(span.to_json() for span in spans)
    secrets = (*world.sandbox.grants._codes, *world.sandbox.grants._access, *world.sandbox.grants._refresh)
    assert secrets
    for text in (PERSON, "@", user, url, "127.0.0.1", *secrets):
        assert text not in told


@pytest.mark.gen_test
async def test_the_text_of_an_error_is_not_told(world: World, exported: InMemorySpanExporter) -> None:
    with suppress(RuntimeError), tracing.span("page write", provider="google"):
        raise RuntimeError(PERSON)
    (span,) = named(exported, "page write")
    assert (span.status.is_ok, (span.attributes or {})["error.type"]) == (False, "RuntimeError")
    assert PERSON not in span.to_json()


@pytest.mark.gen_test
async def test_an_end_does_not_wait_for_a_collector_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_EXPORT_SECONDS", 3.0)
    monkeypatch.setattr(tracing, "_FAREWELL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracing.start(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with tracing.span("page fetch", provider="google"):
            pass
        began = time.monotonic()
        await tracing.stop()
        assert time.monotonic() - began < 2.5
        for thread in threading.enumerate():
            if thread.name == tracing.FAREWELL:
                thread.join()


def test_without_a_collector_a_span_costs_nothing() -> None:
    tracing.start(None)
    assert tracing.span("page fetch", provider="google") is tracing.span("page write", provider="google")
    with tracing.span("page fetch") as noted:
        noted(contacts=1)
    assert tracing.begin("StatusHandler", {}) is None
    tracing.end(None, "StatusHandler", 200)


def test_without_the_extra_there_are_no_traces_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "opentelemetry", None)
        bare: dict[str, Any] = runpy.run_path(tracing.__file__)
    assert not bare["INSTALLED"]
    bare["start"](None)
    assert caplog.messages == []
    bare["start"]("http://127.0.0.1:4318")
    assert "without the extra" in caplog.text
    with bare["span"]("page fetch", provider="google") as noted:
        noted(contacts=1)
    assert bare["begin"]("StatusHandler", {}) is None
