"""Where the database is: whoever asks is given the same answer, and what was started for it is ended."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from storage.embedded.address import database_uri, known_uri
from storage.embedded.mongod import running_uri

SET = "mongodb://db.example:27017/everreach?replicaSet=rs0"


@pytest.mark.gen_test
async def test_the_address_that_is_set_is_taken_and_nothing_is_started(tmp_path: Path) -> None:
    given = SecretStr(SET)
    assert known_uri(given, tmp_path) == SET
    async with database_uri(given, tmp_path, running=True) as uri:
        assert uri == SET
        assert running_uri(tmp_path) is None


@pytest.mark.gen_test
async def test_where_none_is_set_one_is_started_found_by_others_and_ended(tmp_path: Path) -> None:
    assert known_uri(None, tmp_path) is None
    async with database_uri(None, tmp_path, running=True) as own:
        async with database_uri(None, tmp_path, running=True) as found:
            assert found == own == known_uri(None, tmp_path)
        # A server never takes another's: it would be gone with that one.
        assert known_uri(None, tmp_path, running=False) is None
        assert running_uri(tmp_path) == own
    assert running_uri(tmp_path) is None
