"""A client that may not go everywhere connects to no address that is out of reach, however it comes to it."""

import socket
from typing import Any

import pytest
from tornado.web import Application, RequestHandler

from everreach.errors import PrivateAddressError, TransientError
from everreach.net import http as http_module
from everreach.net.http import Http
from everreach.net.public_ip import AddressInfo, is_public
from tests.everreach.net.test_public_ip import NOT_PUBLIC

HEADERS = {"Content-Type": "application/json"}


class Server(RequestHandler):
    """Keeps what it was sent, which had better be nothing."""

    def initialize(self, seen: list[RequestHandler]) -> None:
        seen.append(self)

    def post(self) -> None:
        self.write(b"x" * 10_000_000)


@pytest.fixture
def seen() -> list[RequestHandler]:
    return []


@pytest.fixture
def app(seen: list[RequestHandler]) -> Application:
    return Application([(r"/.*", Server, {"seen": seen})])


class Names:
    """A name server of the test's own: what it says at the first question, and at each further one."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def look_up(self, host: str, port: int) -> list[AddressInfo]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(kinds[":" in text], socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (text, port)) for text in addresses]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where sockets were opened to, all of which is nowhere."""
    opened: list[Any] = []

    class Socket(socket.socket):
        def connect(self, address: Any) -> None:
            opened.append(address)
            raise ConnectionRefusedError

    monkeypatch.setattr(socket, "socket", Socket)
    return opened


@pytest.mark.gen_test
async def test_bytes_are_posted_as_they_are_and_the_reply_is_not_read(
    http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    async with Http(reachable=lambda _: True) as http:
        reply = await http.post(f"{base_url}/x?y=%2F", b'{"a": "\xc3\xa4"}', headers=HEADERS)
    assert (reply.status, reply.body) == (200, b"")
    assert (seen[0].request.body, seen[0].request.uri) == (b'{"a": "\xc3\xa4"}', "/x?y=%2F")
    assert seen[0].request.headers["Content-Type"] == "application/json"


LITERALS = sorted({f"[{text.partition('%')[0]}]" if ":" in text else text for text in NOT_PUBLIC.split()[:-4]})


@pytest.mark.parametrize("host", LITERALS)
@pytest.mark.gen_test
async def test_no_address_in_a_url_leads_out_of_reach(connected: list[Any], host: str) -> None:
    async with Http(reachable=is_public) as http:
        with pytest.raises(TransientError):
            await http.post(f"http://{host}:8080/", b"{}", headers=HEADERS)
    assert connected == []


@pytest.mark.gen_test
async def test_a_real_server_on_loopback_is_not_asked_by_address_or_by_name(
    http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    async with Http(reachable=is_public) as http:
        for url in (base_url, base_url.replace("localhost", "127.0.0.1")):
            with pytest.raises(PrivateAddressError):
                await http.post(url, b"{}", headers=HEADERS)
    assert seen == []


@pytest.mark.parametrize("hidden", ["8.8.8.8 10.0.0.1", "::ffff:127.0.0.1", "2606:4700::1111 64:ff9b::7f00:1"])
@pytest.mark.gen_test
async def test_a_name_is_out_of_reach_where_any_of_its_addresses_is(
    monkeypatch: pytest.MonkeyPatch, connected: list[Any], hidden: str
) -> None:
    monkeypatch.setattr(http_module, "look_up", Names(hidden.split()).look_up)
    async with Http(reachable=is_public) as http:
        with pytest.raises(PrivateAddressError):
            await http.post("https://hooks.example.com/", b"{}", headers=HEADERS)
    assert connected == []


@pytest.mark.gen_test
async def test_a_name_that_says_something_else_the_second_time_is_asked_only_once(
    monkeypatch: pytest.MonkeyPatch, http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    names, looked_at = Names(["127.0.0.1"], ["127.0.0.2"]), []
    monkeypatch.setattr(http_module, "look_up", names.look_up)

    def reachable(address: str) -> bool:
        looked_at.append(address)
        return address == "127.0.0.1"

    async with Http(reachable=reachable) as http:
        assert (await http.post(base_url.replace("localhost", "hooks.example"), b"{}", headers=HEADERS)).status == 200
    # Once when the name was resolved, and once more when the connection was opened to that very address.
    assert (names.asked, looked_at) == (["hooks.example"], ["127.0.0.1", "127.0.0.1"])
    assert seen[0].request.host.startswith("hooks.example:")


@pytest.mark.gen_test
async def test_the_environment_names_no_proxy(
    monkeypatch: pytest.MonkeyPatch, http_server: object, base_url: str, seen: list[RequestHandler]
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, base_url)
    async with Http(reachable=is_public) as http:
        with pytest.raises(TransientError):
            await http.post("http://10.0.0.1/", b"{}", headers=HEADERS)
    assert seen == []
