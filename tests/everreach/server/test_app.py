"""The composition root: what is started is ended, in any order of things going wrong, and nodes share a database."""

import gc
import socket
from pathlib import Path
from typing import Any

import pytest

from bench.process import free_port
from everreach.config import Config
from everreach.errors import DatabaseError, EverReachError, UnauthorizedError
from everreach.net.http import Http
from everreach.server.app import Node
from everreach.server.composition import make_authenticator
from storage.embedded.mongod import running_uri
from storage.mongo import Database
from tests.project import Project
from tests.world import KEY, SECRET, World, new_user

# Tornado itself forgets to close the socket that it could not bind.
PORT_TAKEN = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")


def config(**settings: Any) -> Config:
    given = {"host": "127.0.0.1", "port": free_port(), "supabase_jwt_secret": SECRET, "supabase_url": None}
    return Config.load(_env_file=None, token_encryption_keys=KEY, **{**given, **settings})


async def refused(node: Node, error: type[Exception], words: str) -> str:
    """What it says where it cannot start."""
    with pytest.raises(error, match=words) as caught:
        await node.__aenter__()
    told = str(caught.value)
    del caught
    gc.collect()
    return told


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.gen_test
async def test_a_node_listens_while_it_is_open(database: Database, database_uri: str) -> None:
    settings = config(mongodb_uri=database_uri)
    async with Node(settings) as node:
        assert node.port == settings.port
        assert listens(node.port)
        await node.services.ping()
    assert not listens(node.port)
    assert node.services.runner.stopping


@pytest.mark.gen_test
async def test_port_zero_is_any_that_is_free(database: Database, database_uri: str) -> None:
    async with Node(config(mongodb_uri=database_uri, port=0)) as node:
        assert node.port > 0
        assert listens(node.port)


@pytest.mark.gen_test
async def test_two_nodes_share_a_database(world: World) -> None:
    async with Node(world.config.model_copy(update={"port": 0})) as other:
        user = new_user()
        job_id, page = await world.start("google", user)
        url = (await world.decide(page)).replace(world.origin, f"http://127.0.0.1:{other.port}")
        # Started at one node, the consent comes back at the other.
        assert (await world.back(url))["status"] == "success"
        assert (await world.ended(job_id, user))["status"] == "completed"


@pytest.mark.gen_test
async def test_a_database_that_cannot_be_used_is_refused_before_anything_listens() -> None:
    settings = config(mongodb_uri=f"mongodb://127.0.0.1:{free_port()}/everreach?serverSelectionTimeoutMS=100")
    await refused(Node(settings), DatabaseError, "MONGODB_URI")
    assert not listens(settings.port)


@pytest.mark.gen_test
async def test_duplicates_that_are_there_already_stop_the_start_and_are_named(
    database: Database, database_uri: str
) -> None:
    contacts, user = database["contacts"], new_user()
    await contacts.drop_indexes()
    document = {"user_id": user, "email": "ada@sandbox.example"}
    made = await contacts.insert_many([document.copy(), document.copy()])
    settings = config(mongodb_uri=database_uri)
    told = await refused(Node(settings), DatabaseError, "several contacts of one user")
    assert all(str(identity) in told for identity in [user, *made.inserted_ids])
    assert "ada@" not in told
    assert not listens(settings.port)


@pytest.mark.gen_test
async def test_its_own_mongod_lives_as_long_as_it_does(data_dir: Path) -> None:
    async with Node(config(everreach_data_dir=data_dir)) as node:
        assert running_uri(data_dir)
        await node.services.ping()
    assert running_uri(data_dir) is None


@PORT_TAKEN
@pytest.mark.gen_test
async def test_its_own_mongod_ends_where_the_port_is_taken(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = config(everreach_data_dir=data_dir, port=taken.getsockname()[1])
        await refused(Node(settings), EverReachError, "in use")
    assert running_uri(data_dir) is None


@PORT_TAKEN
@pytest.mark.gen_test
async def test_nothing_is_left_open_where_the_port_is_taken(
    database: Database, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    close = Http.close

    async def noted(http: Http) -> None:
        closed.append(http)
        await close(http)

    monkeypatch.setattr(Http, "close", noted)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = Node(config(mongodb_uri=database_uri, port=taken.getsockname()[1]))
        with pytest.raises(EverReachError, match="in use"):
            await node.__aenter__()
    gc.collect()
    assert closed == [node._http]


@pytest.mark.parametrize(
    "project",
    [
        pytest.param("https://abcdefghijklmnopqrst.supabase.co/auth/v1", id="behind a custom hostname"),
        pytest.param("http://127.0.0.1:54321/auth/v1", id="the local stack, by its gateway"),
        pytest.param("https://api.example.org/auth/v1", id="self-hosted, reached inside"),
    ],
    indirect=True,
)
@pytest.mark.gen_test
async def test_a_project_that_signs_under_another_name_is_accepted_once_that_is_named(project: Project) -> None:
    user, settings = new_user(), {"supabase_jwt_secret": None, "supabase_url": project.url}
    token, foreign = project.token(user)["Authorization"], Project(project.issuer)
    await foreign.close()
    async with Http() as http:
        with pytest.raises(UnauthorizedError):
            await make_authenticator(config(**settings), http).caller(token)
        named = make_authenticator(config(**settings, supabase_jwt_issuers=project.issuer), http)
        assert (await named.caller(token)).user_id == user
        assert await named.caller(project.token(user, iss=f"{project.url}/auth/v1")["Authorization"])
        with pytest.raises(UnauthorizedError):
            await named.caller(foreign.token(user)["Authorization"])
