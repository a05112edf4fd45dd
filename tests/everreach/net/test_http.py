"""The one door out: a token stays at home, and whatever goes wrong on the way is one of our own errors."""

import asyncio
import gzip
import logging
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientTimeout
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.web import Application, RequestHandler
from yarl import URL

from bench.process import free_port
from everreach.errors import BrokenListingError, OversizeError, ProviderError, ThrottledError, TransientError
from everreach.net import http as http_module
from everreach.net.http import RETRIES, Http, Reply
from everreach.net.origins import origin
from tests.providers.wire import Wire, reply

HOME = "https://graph.microsoft.com/v1.0/me"
NOW = "Wed, 21 Oct 2026 07:28:00 GMT"


class Server(RequestHandler):
    """A provider on a bad day; it keeps what it was sent."""

    def initialize(self, seen: list[RequestHandler]) -> None:
        self.seen = seen
        self.gone = asyncio.Event()

    def prepare(self) -> None:
        self.seen.append(self)

    def on_connection_close(self) -> None:
        self.gone.set()

    async def get(self, mood: str) -> None:
        await getattr(self, mood)()

    async def post(self, mood: str) -> None:
        await getattr(self, mood)()

    async def fine(self) -> None:
        self.set_cookie("session", "one-person")
        self.write(self.request.body or b"fine")

    async def moved(self) -> None:
        self.redirect("/fine")

    async def reset(self) -> None:
        stream = self.detach()
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()

    async def truncated(self, raw: bytes = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":') -> None:
        stream = self.detach()
        await stream.write(raw)
        stream.close()

    async def gibberish(self) -> None:
        await self.truncated(b"\x16\x03\x01 this is not HTTP\r\n\r\n")

    async def stalled(self) -> None:
        await self.gone.wait()

    async def stalled_midway(self) -> None:
        self.write(b'{"half":')
        await self.flush()
        await self.gone.wait()

    async def large(self) -> None:
        self.write(b"x" * 100_000)

    async def bomb(self) -> None:
        self.set_header("Content-Encoding", "gzip")
        self.write(BOMB)

    async def packed(self) -> None:
        self.set_header("Content-Encoding", "gzip")
        self.write(PACKED)

    async def broken_gzip(self) -> None:
        await self.encoded(b"this is not gzip")

    async def cut_gzip(self) -> None:
        await self.encoded(PACKED[:-8])

    async def wrong_sum(self) -> None:
        await self.encoded(PACKED[:-8] + bytes(8))

    async def two_gzips(self) -> None:
        await self.encoded(PACKED + PACKED)

    async def padded_gzip(self) -> None:
        await self.encoded(PACKED + b"and more")

    async def unasked(self) -> None:
        await self.encoded(b"packed", "br")

    async def encoded(self, body: bytes, coding: str = "gzip") -> None:
        self.set_header("Content-Encoding", coding)
        self.write(body)

    async def trickle(self) -> None:
        while not self.gone.is_set():
            self.write(" ")
            await self.flush()
            await asyncio.sleep(0.02)


PACKED = gzip.compress(b"a page")
BOMB = gzip.compress(bytes(64 * 1024 * 1024))


@pytest.fixture
def seen() -> list[RequestHandler]:
    return []


@pytest.fixture
def app(seen: list[RequestHandler]) -> Application:
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    return Application([(r"/(\w+)", Server, {"seen": seen})])


@asynccontextmanager
async def impatient() -> AsyncIterator[Http]:
    async with Http(backoff=0, timeout=ClientTimeout(total=0.5, sock_read=0.05)) as http:
        yield http


FOREIGN = r"""
https://evil.example/v1.0/me             http://graph.microsoft.com/v1.0/me      https://graph.microsoft.com:8443/
https://graph.microsoft.com@evil.example/ https://graph.microsoft.com:443@evil.example/v1.0/me
https://graph.microsoft.com\@evil.example/ https://graph.microsoft.com.evil.example/ https://graph.microsoft.com./v1.0/me
https://xgraph.microsoft.com/            https://graph.microsoft.com%2eevil.example/ https://graph.microsoft.com:443443/
https://graph.microsoft.com:x/           https://[::1]/                          https://[::ffff:1.2.3.4]:443/
//evil.example/v1.0/me                   ///evil.example                         /v1.0/me
https:graph.microsoft.com/               http://graph.microsoft.com:443/         file:///etc/passwd
""".split()  # noqa: SIM905 - a table is read more easily than twenty lines.


@pytest.mark.parametrize("url", FOREIGN)
@pytest.mark.gen_test
async def test_a_token_goes_to_no_other_origin(url: str) -> None:
    wire = Wire(lambda _: reply())
    with pytest.raises(ProviderError, match="foreign address") as refused:
        await wire.get_as("token", url, home=HOME)
    assert type(refused.value) is BrokenListingError
    assert wire.sent == []


@pytest.mark.parametrize("url", ["https://graph.microsoft.com:0/v1.0/me", "https://[evil", "https://evil]/"])
@pytest.mark.gen_test
async def test_an_address_that_is_none_is_foreign(url: str) -> None:
    with pytest.raises(ProviderError, match="foreign address"):
        await Wire(lambda _: reply()).get_as("token", url, home=HOME)


@pytest.mark.parametrize("before", ["user:word@", "evil\\@"])
@pytest.mark.gen_test
async def test_an_address_with_a_user_in_it_is_not_asked(
    http_server: object, base_url: str, seen: list[RequestHandler], before: str
) -> None:
    async with Http(backoff=0) as http:
        with pytest.raises(ProviderError):
            await http.get_as("token", base_url.replace("://", f"://{before}"), home=base_url)
    assert seen == []


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.microsoft.com/v1.0/me/contacts?%24skip=10",
        "https://graph.microsoft.com:443/anything",
        "HTTPS://Graph.Microsoft.COM/",
        "https://graph.microsoft.com",
    ],
)
@pytest.mark.gen_test
async def test_the_same_origin_in_another_spelling_is_home(url: str) -> None:
    wire = Wire(lambda _: reply())
    await wire.get_as("the-token", url, home=HOME, headers={"Prefer": "x"})
    [sent] = wire.sent
    assert (sent.url, dict(sent.headers)) == (url, {"Prefer": "x", "Authorization": "Bearer the-token"})


def test_origins_of_ipv6_hosts_are_told_apart() -> None:
    assert origin("http://[::1]:80/a") == origin("http://[::1]/b")
    assert origin("http://[::1]/") != origin("http://[::2]/")
    assert origin("http://[::1]:8080/") != origin("http://[::1]:8081/")


PIECES = ["https", "://", "//", "/", "\\", "@", ":", "443", "80", "graph.microsoft.com", "evil.example", ".", "?", "#"]
ODDITIES = ["%40", "%2f", "\t", "\n", " ", "\x00", "\u3002", "\uff0f", "[", "]", "::1", ";", "graph.microsoft.com:443"]


@given(st.lists(st.sampled_from(PIECES + ODDITIES), max_size=8).map("".join), st.booleans())
@example("https://graph.microsoft.com\\@evil.example", False)
def test_what_counts_as_home_is_where_the_client_connects(url: str, begun: bool) -> None:
    url = "https://" * begun + url
    try:
        at_home = origin(url) == origin(HOME)
        target = URL(url, encoded=True)
    except ValueError:
        return
    if at_home:
        assert (target.scheme, target.host, target.port) == ("https", "graph.microsoft.com", 443)


@pytest.mark.gen_test
async def test_a_redirect_is_an_answer_and_is_not_followed(
    http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    async with Http() as http:
        answer = await http.get_as("token", f"{base_url}/moved", home=base_url)
    assert (answer.status, answer.headers["location"]) == (302, "/fine")
    assert len(seen) == 1


@pytest.mark.gen_test
async def test_no_cookie_travels_from_one_request_to_another(
    http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    async with Http() as http:
        assert "session=one-person" in (await http.get(f"{base_url}/fine")).headers["set-cookie"]
        await http.get_as("token", f"{base_url}/fine", home=base_url)
    assert [dict(handler.request.cookies) for handler in seen] == [{}, {}]
    assert [handler.request.headers.get("Authorization") for handler in seen] == [None, "Bearer token"]


@pytest.mark.gen_test
async def test_an_address_is_followed_letter_for_letter(
    http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    wanted = "/fine?%24top=100&$skip=100&a=%252F&b=x+y&c=%E2%82%AC&d=a%2Cb"
    async with Http() as http:
        await http.get(base_url + wanted)
    assert seen[0].request.uri == wanted


@pytest.mark.gen_test
async def test_no_address_smuggles_a_header_in(http_server: object, base_url: str, seen: list[RequestHandler]) -> None:
    async with impatient() as http:
        for url in ("/fine?a\r\nSmuggled: 1", "/fine?a HTTP/1.1\r\nSmuggled: 1\r\n\r\n"):
            await asyncio.gather(http.get(base_url + url), return_exceptions=True)
    assert not [handler for handler in seen if "Smuggled" in handler.request.headers]


@pytest.mark.gen_test
async def test_a_form_is_sent_as_a_form(http_server: object, base_url: str, seen: list[RequestHandler]) -> None:
    async with Http() as http:
        answer = await http.post_form(f"{base_url}/fine", {"client_secret": "a~b+c&d", "code": "4/0Ab"})
    assert seen[0].request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen[0].get_body_argument("client_secret") == "a~b+c&d"
    assert answer.status == 200


@pytest.mark.parametrize(
    "mood",
    [
        *("reset", "truncated", "gibberish", "stalled", "stalled_midway", "trickle"),
        *("broken_gzip", "cut_gzip", "wrong_sum", "two_gzips", "padded_gzip", "unasked"),
    ],
)
@pytest.mark.gen_test
async def test_where_no_whole_reply_came_another_try_may_help(http_server: object, base_url: str, mood: str) -> None:
    async with impatient() as http:
        with pytest.raises(TransientError) as failed:
            await http.get(f"{base_url}/{mood}?code=planted")
    assert "planted" not in repr(failed.value)
    assert failed.value.__suppress_context__


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
@pytest.mark.gen_test
async def test_where_nobody_listens_another_try_may_help(host: str) -> None:
    async with impatient() as http:
        with pytest.raises(TransientError):
            await http.get(f"http://{host}:{free_port()}/")


@pytest.mark.gen_test
async def test_a_packed_reply_is_unpacked(http_server: object, base_url: str, seen: list[RequestHandler]) -> None:
    async with Http() as http:
        assert (await http.get(f"{base_url}/packed")).body == b"a page"
    assert seen[0].request.headers["Accept-Encoding"] == "gzip"


def test_an_answer_has_a_minute_and_a_socket_half_of_it() -> None:
    assert (http_module._TIMEOUT.total, http_module._TIMEOUT.sock_read) == (60, 30)


@pytest.mark.gen_test
async def test_a_reply_has_a_limit(monkeypatch: pytest.MonkeyPatch, http_server: object, base_url: str) -> None:
    async with Http() as http:
        monkeypatch.setattr(http_module, "PAGE_LIMIT", 100_000)
        assert len((await http.get_as("token", f"{base_url}/large", home=base_url)).body) == 100_000
        monkeypatch.setattr(http_module, "PAGE_LIMIT", 99_999)
        with pytest.raises(OversizeError):
            await http.get_as("token", f"{base_url}/large", home=base_url)
    assert http_module.BODY_LIMIT < 16 * 1024 * 1024


@pytest.mark.gen_test
async def test_a_compressed_reply_cannot_fill_the_memory(http_server: object, base_url: str) -> None:
    async with Http() as http:
        tracemalloc.start()
        try:
            with pytest.raises(OversizeError):
                await http.get(f"{base_url}/bomb")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 2.128 ", 2.128),
        ("0", 0.0),
        ("-5", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("999999999999", 86400.0),
        ("inf", None),
        ("1e999", None),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("2 minutes", None),
        ("Wed, 21 Oct 2026", None),
    ],
)
def test_the_time_to_wait_is_read_however_it_is_written(value: str, seconds: float | None) -> None:
    assert Reply(429, {"retry-after": value, "date": NOW}, b"").retry_after == seconds


def test_a_time_to_wait_that_is_not_there_is_none() -> None:
    assert Reply(429, {"date": NOW}, b"").retry_after is None
    assert Reply(429, {"retry-after": NOW}, b"").retry_after is None


@given(st.text() | st.floats().map(str) | st.integers().map(str), st.text() | st.just(NOW))
def test_no_time_to_wait_is_ever_out_of_bounds(value: str, date: str) -> None:
    seconds = Reply(429, {"retry-after": value, "date": date}, b"").retry_after
    assert seconds is None or 0.0 <= seconds <= 86400.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("Wed, 21 Oct 9999 07:28:00 GMT", 86400.0), ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None)],
)
def test_a_date_far_away_is_capped_or_left_out(value: str, seconds: float | None) -> None:
    assert Reply(429, {"retry-after": value, "date": NOW}, b"").retry_after == seconds


def failing(error: Exception, times: int) -> tuple[Callable[[], object], list[int]]:
    tries: list[int] = []

    async def attempt() -> str:
        tries.append(1)
        if len(tries) <= times:
            raise error
        return "a page"

    return attempt, tries


@pytest.mark.parametrize("failures", range(RETRIES + 1))
@pytest.mark.gen_test
async def test_a_passing_error_is_tried_again(failures: int) -> None:
    attempt, tries = failing(TransientError(), failures)
    assert await Wire(lambda _: reply()).retrying(attempt, list) == "a page"  # type: ignore[arg-type]
    assert len(tries) == failures + 1


@pytest.mark.gen_test
async def test_there_are_four_tries_in_all() -> None:
    attempt, tries = failing(TransientError("the last"), 9)
    with pytest.raises(TransientError, match="the last"):
        await Wire(lambda _: reply()).retrying(attempt, list)  # type: ignore[arg-type]
    assert len(tries) == 4


@pytest.mark.parametrize("error", [ProviderError(), ThrottledError(), LookupError(), asyncio.CancelledError()])
@pytest.mark.gen_test
async def test_no_other_error_is_tried_again(error: Exception) -> None:
    attempt, tries = failing(error, 9)
    with pytest.raises(type(error)):
        await Wire(lambda _: reply()).retrying(attempt, list)  # type: ignore[arg-type]
    assert len(tries) == 1


def test_a_reply_is_printed_without_what_it_holds() -> None:
    assert repr(Reply(200, {"set-cookie": "planted"}, b"planted")) == "Reply(200)"
