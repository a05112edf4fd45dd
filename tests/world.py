"""A world for one test: the provider sandbox, a node on the test's own database, the app, and a browser."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from bench.process import reserved_port
from everreach.config import Config
from everreach.security.authenticator import issue
from everreach.security.key_strength import new_key
from everreach.server.app import Node
from handlers import BASE
from providers import WITH_FLOW
from providers.sandbox.app import Sandbox, make_app
from storage.mongo import Database, connect
from tests.documented import check_documented

SECRET = "a-secret-that-only-the-tests-know-" + "x" * 16
KEY = new_key()
ACCOUNT = "ada@sandbox.example"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def new_user() -> str:
    return str(uuid.uuid4())


def bearer(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(SECRET, user, 3600)}"}


class World:
    def __init__(self, database_uri: str, settings: Mapping[str, Any]) -> None:
        self.sandbox = Sandbox(size=50)
        self.client = AsyncHTTPClient(force_instance=True)
        self._sandbox_server = HTTPServer(make_app(self.sandbox))
        listening, port = bind_unused_port()
        self._sandbox_server.add_socket(listening)
        self.sandbox_url = f"http://127.0.0.1:{port}"
        self._reserved = reserved_port()
        self.config = Config.load(**self._settings(database_uri, settings))
        self.origin = f"http://127.0.0.1:{self.config.port}"
        self.database: Database = connect(database_uri)

    def _settings(self, database_uri: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        port = self._reserved.getsockname()[1]
        urls = {**self.sandbox.urls(self.sandbox_url), **self.sandbox.credentials()}
        return {
            **{f"{kind.name}_client_{part}": part for kind in WITH_FLOW for part in ("id", "secret")},
            **{name.lower(): value for name, value in urls.items()},
            "_env_file": None,
            "host": "127.0.0.1",
            "port": port,
            "mongodb_uri": database_uri,
            "next_public_base_url": f"http://127.0.0.1:{port}",
            "supabase_jwt_secret": SECRET,
            "supabase_url": None,
            "token_encryption_keys": KEY,
            "rate_limit_start": "1000/hour",
            "rate_limit_status": "100000/minute",
            "rate_limit_jobs": "100000/minute",
            "rate_limit_uploads": "1000/hour",
            **settings,
        }

    async def open(self) -> None:
        self.node = await Node(self.config).__aenter__()

    async def close(self) -> None:
        await self.node.stop()
        await self.tidy()

    async def tidy(self) -> None:
        """End everything but the node."""
        self._sandbox_server.stop()
        await self._sandbox_server.close_all_connections()
        self.database.client.close()
        self.client.close()
        self._reserved.close()

    async def fetch(self, url: str, method: str = "GET", body: str | bytes | None = None, **headers: str) -> Answer:
        request = HTTPRequest(
            url,
            method,
            headers=headers,
            body=body if body is not None or method not in {"POST", "PUT", "PATCH"} else "",
            follow_redirects=False,
            allow_nonstandard_methods=True,
            request_timeout=60,
        )
        response = await self.client.fetch(request, raise_error=False)
        answer = Answer(response.code, response.headers, response.body or b"")
        if url.startswith(f"{self.origin}/") and answer.status != 599:
            check_documented(method, url, *answer)
        return answer

    async def api(
        self, method: str, path: str, user: str | None = None, body: str | bytes | None = None, **headers: str
    ) -> Answer:
        """A request to our API as the app makes it."""
        return await self.fetch(f"{self.origin}{BASE}{path}", method, body, **(bearer(user) if user else {}), **headers)

    async def start(self, provider: str, user: str) -> tuple[str, str]:
        """The new job's id, and the consent page's address."""
        answer = await self.api("POST", f"/{provider}/start", user)
        assert answer.status == 200, answer.body
        return answer.json["job_id"], answer.json["authorization_url"]

    async def decide(
        self,
        consent_url: str,
        decision: str = "allow",
        *,
        contacts: bool = True,
        account: str = ACCOUNT,
        size: int = 50,
    ) -> str:
        """What the person chooses at the consent page; returns where the provider sends the browser."""
        form = {"decision": decision, "account": account, "size": str(size), **({"contacts": "on"} if contacts else {})}
        answer = await self.fetch(consent_url, "POST", urlencode(form))
        assert answer.status == 302, answer.body
        return answer.headers["Location"]

    async def back(self, callback_url: str) -> dict[str, str]:
        """What the app is told when the browser comes back: the parameters of the deep link, and its `provider`."""
        answer = await self.fetch(callback_url)
        assert answer.status == 302, answer.body
        link = urlsplit(answer.headers["Location"])
        assert (link.scheme, link.netloc) == ("everreach", "import-callback")
        told = {name: values[0] for name, values in parse_qs(link.query, keep_blank_values=True).items()}
        return {"provider": link.path.lstrip("/"), **told}

    async def consent(self, provider: str, user: str, account: str = ACCOUNT, size: int = 50) -> str:
        """Start, say yes, come back. Returns the job's id."""
        job_id, consent_url = await self.start(provider, user)
        told = await self.back(await self.decide(consent_url, account=account, size=size))
        assert told == {"provider": provider, "job_id": job_id, "status": "success"}
        return job_id

    async def status(self, job_id: str, user: str) -> dict[str, Any]:
        answer = await self.api("GET", f"/status/{job_id}", user)
        assert answer.status == 200, answer.body
        document: dict[str, Any] = answer.json
        return document

    async def ended(self, job_id: str, user: str, seconds: float = 60) -> dict[str, Any]:
        """The status document once the job has ended."""
        async with asyncio.timeout(seconds):
            while not (job := await self.status(job_id, user))["completed_at"]:
                await asyncio.sleep(0.02)
        return job

    async def stored(self, job_id: str) -> dict[str, Any]:
        """The job as the database has it."""
        document = await self.database["contact_import_jobs"].find_one({"_id": job_id})
        assert document
        return document
