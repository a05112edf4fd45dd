"""What a body may say of an import: known members with good values, and nothing else."""

from typing import Any

import pytest

from everreach.jobs.options import Options
from handlers.asked import HowToRead, Wishes, read_body
from tests.handlers.edge import check_error
from tests.world import World, new_user


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"review":false}', b'{"region":null,"duplicates":"skip"}'])
@pytest.mark.gen_test
async def test_a_start_that_asks_for_nothing_new_is_one_without_a_body(world: World, body: bytes) -> None:
    answer = await world.api("POST", "/google/start", new_user(), body)
    assert answer.status == 200, answer.body
    assert (await world.stored(answer.json["job_id"]))["options"] == {}


@pytest.mark.settings(import_region="fr")
@pytest.mark.gen_test
async def test_what_is_asked_for_is_kept_and_the_settings_fill_the_rest(world: World) -> None:
    for body, said in (
        ("{}", {}),
        ('{"region":"gb"}', {"region": "GB"}),
        ('{"without_email":"import","duplicates":"fill"}', {"without_email": "import", "duplicates": "fill"}),
    ):
        answer = await world.api("POST", "/google/start", new_user(), body)
        assert (await world.stored(answer.json["job_id"]))["options"] == {"home": "FR", **said}


@pytest.mark.parametrize(
    "body",
    [
        *("null", "[]", "7", "x", "{", '{"review":true,}', "\ud800".encode("utf-8", "surrogatepass")),
        *('{"unknown":1}', '{"reviews":false}', '{"mapping":{}}', '{"handoff_challenge":"x"}'),
        *('{"review":"no"}', '{"review":1}', '{"without_email":"drop"}', '{"duplicates":true}'),
        *('{"region":"XX"}', '{"region":"GBR"}', '{"region":7}'),
        '{"review":true}',
    ],
)
@pytest.mark.gen_test
async def test_anything_else_is_refused_with_a_sentence(world: World, body: str | bytes) -> None:
    check_error(await world.api("POST", "/google/start", new_user(), body), 400, "Bad Request")
    assert await world.database["contact_import_jobs"].count_documents({}) == 0


def test_a_header_row_may_be_none_or_unsaid() -> None:
    def row(body: bytes) -> Any:
        return read_body(body, HowToRead).ways.header_row

    assert (row(b'{"header_row":null}'), row(b'{"header_row":3}')) == (None, 3)
    assert row(b"{}") is read_body(b"", HowToRead).ways.mapping


def test_what_is_said_stands_over_what_was_said_before() -> None:
    before = Options(region="FR")
    assert read_body(b'{"region":"GB"}', Wishes).over(before) == Options(region="GB")
    assert read_body(b"{}", HowToRead).over(before) == before
