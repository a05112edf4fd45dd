"""Whose tokens are accepted, and what the Supabase project says of itself, for `everreach check`."""

import asyncio
from typing import Final

import msgspec
from rich.markup import escape

from everreach.config import Config
from everreach.errors import TransientError
from everreach.net.http import Http
from everreach.security.jwks import read

PATIENCE_SECONDS: Final = 3.0
"""How long the project is asked, all in all; it may be out of reach from here."""


class _Project(msgspec.Struct):
    # https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
    issuer: str


async def project_lines(config: Config) -> list[str]:
    """A line for each thing, as rich prints it. A project that does not answer is no error."""
    return [_issuers_line(config), *await _compared(config)]


def _issuers_line(config: Config) -> str:
    issuers = " or ".join(map(escape, config.token_issuers))
    return f"[green]✓[/] Accepted are tokens issued by {issuers or 'whoever has the secret'}."


async def _compared(config: Config) -> list[str]:
    """What the project says of itself, where it can be asked, and how the settings go with that."""
    if config.supabase_url is None:
        return []
    try:
        async with Http() as http, asyncio.timeout(PATIENCE_SECONDS):
            keys = await _told(http, f"{config.supabase_auth_url}/.well-known/jwks.json")
            itself = await _told(http, f"{config.supabase_auth_url}/.well-known/openid-configuration")
    except (TransientError, TimeoutError):
        return [f"[yellow]![/] {escape(config.supabase_url)} does not answer; its keys and its name were not compared."]
    return [_keys_line(config, keys), *_name_lines(config, itself)]


async def _told(http: Http, url: str) -> bytes:
    reply = await http.get(url)
    return reply.body if reply.status == 200 else b""


def _keys_line(config: Config, body: bytes) -> str:
    project = escape(str(config.supabase_url))
    try:
        count = len(read(body))
    except ValueError:
        return f"[yellow]![/] {project} publishes no set of keys: nobody can be known by them."
    if count:
        return f"[green]✓[/] {project} publishes {count} key(s) that can be used."
    if config.supabase_jwt_secret:
        return f"[green]✓[/] {project} publishes no keys yet; it signs with the secret."
    return f"[yellow]![/] {project} publishes no keys: it signs with a secret, so set SUPABASE_JWT_SECRET."


def _name_lines(config: Config, body: bytes) -> list[str]:
    """Whether what the project calls itself is accepted; older ones do not say."""
    try:
        name = escape(msgspec.json.decode(body, type=_Project).issuer)
    except ValueError:
        return []
    if name in map(escape, config.token_issuers):
        return [f"[green]✓[/] The project issues tokens as {name}."]
    return [f"[yellow]![/] The project issues tokens as {name}: add that to SUPABASE_JWT_ISSUERS, or all are refused."]
