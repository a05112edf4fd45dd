"""What failed goes back as it came, with the reason, and harms no spreadsheet."""

import csv
import io
import json
from typing import Any

import pytest

from everreach.jobs.options import Reading
from everreach.uploads.failed_records import FailedRecords
from tests.handlers.edge import check_error
from tests.handlers.test_uploads_begin import uploaded
from tests.world import World, new_user

READING = Reading(size=1, headers=("Name", "E-mail"), fields=("display_name", "email"))


def row(raw: Any, why: str | None = "It failed.") -> dict[str, Any]:
    return {"raw_data": None if raw is None else json.dumps(raw), "error_message": why}


def table(records: FailedRecords, *rows: dict[str, Any]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(records.header() + records.lines(rows), newline="")))


def test_a_row_keeps_its_header_and_its_cells() -> None:
    rows = table(FailedRecords("csv", READING), row({"record": 2, "offset": 9, "cells": ['A "B", C', "x\ny"]}))
    assert rows == [["Name", "E-mail", "error"], ['A "B", C', "x\ny", "It failed."]]


def test_short_rows_long_rows_and_rows_that_are_gone_have_their_reason() -> None:
    short, long = row({"cells": ["A"]}), row({"cells": ["A", "b@c", "more"]})
    assert table(FailedRecords("csv", READING), short, long, row(None, None))[1:] == [
        ["A", "", "It failed."],
        ["A", "b@c", "more", "It failed."],
        ["", "", ""],
    ]


def test_columns_without_a_header_are_numbered() -> None:
    headless = FailedRecords("csv", Reading(size=1, fields=("email", "ignore")))
    assert table(headless) == [["column 1", "column 2", "error"]]


def test_a_card_goes_back_whole_and_a_providers_contact_as_it_was_sent() -> None:
    card = "BEGIN:VCARD\r\nEND:VCARD\r\n"
    assert table(FailedRecords("vcard", Reading(size=1)), row({"card": card})) == [
        ["card", "error"],
        [card, "It failed."],
    ]
    assert table(FailedRecords("google", None), row({"names": 5})) == [
        ["contact", "error"],
        ['{"names": 5}', "It failed."],
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+44 20", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_run_by_a_spreadsheet(cell: str) -> None:
    assert table(FailedRecords("csv", READING), row({"cells": [cell, "b"]}))[1][0] == f"'{cell}"


@pytest.mark.gen_test
async def test_what_failed_is_downloaded_mended_and_uploaded_again(world: World) -> None:
    user = new_user()
    file = b"Name,E-mail,Phone\r\nAda,ada@example.org,\r\nBob," + b"b" * 40_000 + b",+44 20 7946 0150\r\n"
    job_id = (await uploaded(world, user, "begin=true", file))["job_id"]
    assert (await world.ended(job_id, user))["failed_contacts"] == 1
    answer = await world.api("GET", f"/jobs/{job_id}/contacts?action=failed&format=csv", user)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    header, failed = csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
    assert header == ["Name", "E-mail", "Phone", "error"]
    assert failed[-1].startswith("too_long")
    mended = io.StringIO()
    csv.writer(mended).writerows([header, ["Bob", "bob@example.org", "'+44 20 7946 0150", failed[-1]]])
    again = (await uploaded(world, user, "begin=true", mended.getvalue().encode()))["job_id"]
    assert (await world.ended(again, user))["imported_contacts"] == 1
    # The reason is nothing that is known of Bob.
    bob = await world.database["contacts"].find_one({"user_id": user, "display_name": "Bob"})
    assert bob is not None
    assert "notes" not in bob


@pytest.mark.parametrize("query", ["format=csv", "action=skipped&format=csv", "action=failed&format=xml"])
@pytest.mark.gen_test
async def test_anything_else_is_refused(world: World, query: str) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    check_error(await world.api("GET", f"/jobs/{job_id}/contacts?{query}", user), 400, "Bad Request")
