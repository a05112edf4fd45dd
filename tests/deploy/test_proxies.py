"""The proxies' configurations: with each a websocket, events, a long-poll, a large token and many connections pass."""

import asyncio
import re
import resource
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.process import free_port
from everreach.tokens import issue
from handlers import BASE
from tests.handlers.following import (
    change,
    complete,
    events,
    events_to_the_end,
    following,
    next_event,
    next_state,
    running_job,
    states_to_the_end,
    websocket,
)
from tests.world import SECRET, World, bearer, new_user

DEPLOY = Path(__file__).parents[2] / "deploy"
MANY = 1000
NGINX = """\
daemon off;
pid {folder}/pid;
error_log {folder}/log;
worker_processes 1;
worker_rlimit_nofile 8192;
{user}
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/everreach.conf;
}}
"""


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """The text with each pattern replaced; one that is not there is a test that tests nothing."""
    for pattern, value in changes:
        text, times = re.subn(pattern, value, text, flags=re.MULTILINE)
        assert times, pattern
    return text


def nginx(folder: Path, port: int, server: int) -> list[str]:
    """The shipped files but for the addresses, the certificate and the log."""
    shipped = (DEPLOY / "nginx" / "everreach.conf").read_text("utf-8")
    ours = replaced(
        shipped,
        (r"127\.0\.0\.1:8080", f"127.0.0.1:{server}"),
        (r"^ +listen 443 ssl;$", f"listen 127.0.0.1:{port};"),
        (r"^ +listen \[::\]:443 ssl;$", ""),
        (r"^ +ssl_certificate.*$", ""),
        (r"/var/log/nginx/everreach\.log", f"{folder}/access.log"),
        (r"include +everreach\.proxy", f"include {DEPLOY}/nginx/everreach.proxy"),
    )
    (folder / "everreach.conf").write_text(ours)
    root = "user root;" if folder.owner() == "root" else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=root))
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def haproxy(folder: Path, port: int, server: int) -> list[str]:
    """The shipped file but for the addresses, the certificate and the number of connections."""
    shipped = (DEPLOY / "haproxy" / "haproxy.cfg").read_text("utf-8")
    ours = replaced(
        shipped,
        (r"127\.0\.0\.1:8080", f"127.0.0.1:{server}"),
        (r"bind :443 .*$", f"bind 127.0.0.1:{port}"),
        (r"maxconn 20000", "maxconn 2000"),
        (r"log stdout format raw local0", "log stdout len 1024 format raw local0"),
    )
    (folder / "haproxy.cfg").write_text(ours)
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


PROXIES = [
    pytest.param(made, id=name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"))
    for name, made in (("nginx", nginx), ("haproxy", haproxy))
]
EACH = pytest.mark.parametrize("proxy", PROXIES)
Proxy = Callable[[Path, int, int], list[str]]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def through(proxy: Proxy, world: World, folder: Path) -> AsyncIterator[str]:
    """Where the world's node is reached through the proxy."""
    port = free_port()
    with (folder / "said").open("w") as said:
        command = proxy(folder, port, world.config.port)
        child = await asyncio.create_subprocess_exec(*command, stdout=said, stderr=said)
    try:
        async with asyncio.timeout(15):
            while not listens(port):
                assert child.returncode is None, (folder / "said").read_text()
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        await child.wait()


@EACH
@pytest.mark.gen_test
async def test_whoever_follows_a_job_sees_each_state_as_it_comes(proxy: Proxy, world: World, tmp_path: Path) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with (
        through(proxy, world, tmp_path) as origin,
        websocket(origin, job_id, user) as line,
        events(origin, job_id, user) as answer,
    ):
        polled = f"{origin}{BASE}/status/{job_id}?since=2&wait=45"
        polling = asyncio.create_task(world.fetch(polled, **bearer(user)))
        assert ((await next_state(line))["version"], (await next_event(answer))["id"]) == (2, "2")
        await following(world.node, 3)
        await change(world, job_id)
        assert ((await next_state(line))["version"], (await next_event(answer))["id"]) == (3, "3")
        assert (await polling).json["version"] == 3
        await complete(world, job_id)
        assert (await states_to_the_end(line))[-1]["status"] == "completed"
        assert line.close_code == 1000
        assert (await events_to_the_end(answer))[-1]["status"] == "completed"


@EACH
@pytest.mark.gen_test
async def test_a_token_of_16_kib_passes_and_the_servers_refusals_too(
    proxy: Proxy, world: World, tmp_path: Path
) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    token = issue(SECRET, user, 3600, user_metadata="x" * 12000)
    assert len(token) > 16000
    async with through(proxy, world, tmp_path) as origin:
        address = f"{origin}{BASE}/status/{job_id}"
        assert (await world.fetch(address, Authorization=f"Bearer {token}")).status == 200
        protocols = ["bearer", token]
        async with websocket(origin, job_id, protocols=protocols) as line:
            assert (await next_state(line))["version"] == 2
        # A header with nginx's own name stays; all else is the server's answer.
        large = await world.fetch(f"{origin}{BASE}/google/start", "POST", "x" * 70000, **bearer(user))
        assert (large.status, large.json["error"]) == (413, "Payload Too Large")
        head = await world.fetch(address, "HEAD", **bearer(user))
        assert (head.status, head.body, head.headers["Etag"]) == (200, b"", '"2"')
        for path in ("/metrics", "/readyz", "/"):
            nothing = await world.fetch(f"{origin}{path}")
            assert (nothing.status, nothing.json["error"]) == (404, "Not Found")


async def ask(line: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    reader, writer = line
    writer.write(f"GET {BASE}/health HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length
    await reader.readexactly(int(length[1]))


@EACH
@pytest.mark.gen_test(timeout=90)
async def test_a_thousand_connections_are_kept(proxy: Proxy, world: World, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * MANY:
        pytest.skip(f"{hard} open files are too few")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * MANY), hard))
    async with through(proxy, world, tmp_path) as origin:
        port = int(origin.rpartition(":")[2])
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MANY)]
        try:
            for _ in range(2):
                for first in range(0, MANY, 100):
                    await asyncio.gather(*map(ask, lines[first : first + 100]))
        finally:
            for _, writer in lines:
                writer.close()
