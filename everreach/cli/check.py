"""`everreach check`: what is configured, what is missing, and whether the database answers, or only a server here."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from everreach.cli.supabase_project import project_lines
from everreach.config import Config
from everreach.errors import DatabaseError, EverReachError, TransientError
from everreach.net.http import Http
from providers.settings import OAuthSettings
from storage.embedded.binary import find_mongod
from storage.embedded.mongod import running_uri
from storage.mongo import connect, verify

_PATIENCE_SECONDS: Final = 3.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - this asks there and does not listen.


async def check_live() -> int:
    """Ask the server of these settings on this machine, as a container's health check. Returns 0 where it answers."""
    config = Config.load()
    host = _EVERYWHERE.get(config.host, config.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{config.port}/livez"
    if not await _answers(url):
        raise EverReachError(f"No server answers at {url}.")
    return 0


async def _answers(url: str) -> bool:
    try:
        async with Http() as http, asyncio.timeout(_PATIENCE_SECONDS):
            return (await http.get(url)).status == 200
    except (TransientError, TimeoutError):
        return False


async def check(console: Console | None = None) -> int:
    """Print a line for each thing. Returns 0 where `serve` would run, else 1."""
    console = console or Console(highlight=False, soft_wrap=True)
    try:
        config = Config.load()
    except EverReachError as error:
        console.print(f"[red]✗[/] {escape(error.message)}")
        return 1
    console.print("[green]✓[/] The settings can be used.")
    for name, settings in config.providers.items():
        if isinstance(settings, OAuthSettings):
            console.print(_provider_line(name, settings, config.redirect_uri(name)))
    console.print(_callers_line(config))
    console.print(_web_apps_line(config))
    for line in await project_lines(config):
        console.print(line)
    for sentence in config.warnings:
        console.print(f"[yellow]![/] {escape(sentence)}")
    if config.webhook_urls:
        console.print(_webhooks_line(config))
    try:
        console.print(f"[green]✓[/] {escape(await _database_line(config))}")
    except DatabaseError as error:
        console.print(f"[red]✗[/] {escape(error.message)}")
        return 1
    return 0


def _provider_line(name: str, settings: OAuthSettings, redirect_uri: str) -> str:
    if settings.configured:
        return f"[green]✓[/] {name}: configured; register this redirect URI there: {escape(redirect_uri)}"
    both = f"{settings.named('client_id')} and {settings.named('client_secret')}"
    return f"[yellow]![/] {name}: not configured; set {both} to offer it"


def _callers_line(config: Config) -> str:
    ways = []
    if config.supabase_jwt_secret:
        ways.append("HS256 by SUPABASE_JWT_SECRET")
    if config.supabase_url:
        ways.append(f"ES256 and RS256 by the keys of {escape(config.supabase_url)}")
    return f"[green]✓[/] Callers are known by {' and '.join(ways)}."


def _web_apps_line(config: Config) -> str:
    origins = " and ".join(config.next_public_frontend_url)
    if not origins:
        return "[yellow]![/] No web app may call; set NEXT_PUBLIC_FRONTEND_URL to the origin of yours, if there is one"
    return f"[green]✓[/] Web apps may call from {escape(origins)}, and people who began there come back there."


def _webhooks_line(config: Config) -> str:
    # The rest of a URL may be somebody's secret.
    hosts = ", ".join(str(urlsplit(url.get_secret_value()).hostname) for url in config.webhook_urls)
    return f"[green]✓[/] Webhooks go to {escape(hosts)}, signed by {len(config.webhook_secrets)} secret(s)."


async def _database_line(config: Config) -> str:
    uri = config.mongodb_uri.get_secret_value() if config.mongodb_uri else running_uri(config.everreach_data_dir)
    if uri is None:
        folder = config.everreach_data_dir
        return f"MONGODB_URI is absent: {find_mongod()} would be started, with its files in {folder}."
    database = connect(uri)
    try:
        await verify(database)
    finally:
        database.client.close()
    return "The database answers, and is a replica set or a sharded cluster."
