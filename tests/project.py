"""A Supabase project: publishes its keys and what it is called, signs people in, and can be away."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler


class Project:
    """Listens on loopback. `issuer` is what it calls itself; it is reached at `url`."""

    def __init__(self, issuer: str | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        listening, port = bind_unused_port()
        self._server = HTTPServer(Application([(r"/auth/v1/\.well-known/(.*)", _Handler, {"project": self})]))
        self._server.add_socket(listening)
        self.url = f"http://127.0.0.1:{port}"
        self.issuer = issuer or f"{self.url}/auth/v1"
        self.away = False
        self.asked = 0
        self.told: dict[str, Any] = {
            "jwks.json": {"keys": [{**ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": "first"}]},
            "openid-configuration": {"issuer": self.issuer},
        }

    def token(self, user: str, seconds: float = 3600, **changes: object) -> dict[str, str]:
        """A person's `Authorization`, with `changes` to the claims."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "authenticated", "role": "authenticated", "sub": user, "iat": now}
        token = jwt.encode({**claims, "exp": now + seconds, **changes}, self._key, "ES256", headers={"kid": "first"})
        return {"Authorization": f"Bearer {token}"}

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, project: Project) -> None:
        self._project = project

    def get(self, name: str) -> None:
        self._project.asked += 1
        if self._project.away:
            self.send_error(500)
        elif name in self._project.told:
            self.finish(json.dumps(self._project.told[name]))
        else:
            self.send_error(404)
