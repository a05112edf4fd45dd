"""Files in the console, in a real Chromium: dropped or chosen, looked at, begun, watched, and what failed kept."""

import csv
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import INSTALLED, Browser
from tests.console import Person, in_a_browser, look_at
from tests.world import World

TOO_LONG: Final = "x" * 40_000
ROWS: Final = (
    "Name,E-mail,Reach,Blurb",
    "Ada Lovelace,ada@x.example,+44 20 7946 0000,met in London",
    "Grace Hopper,grace@x.example,+44 20 7946 0001,met at sea",
    f"Alan Turing,alan@x.example,+44 20 7946 0002,{TOO_LONG}",
    "Nobody Known,,+44 20 7946 0003,",
)
BOOK: Final = "\r\n".join(ROWS)
CARDS: Final = "".join(
    f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nEMAIL:{email}\r\nEND:VCARD\r\n"
    for name, email in (("Ada Lovelace", "ada@x.example"), ("Grace Hopper", "grace@x.example"))
)

pytestmark = pytest.mark.skipif(
    not INSTALLED, reason="the console is tried in Chromium (Debian: apt install chromium chromium-driver)"
)


async def contacts_of(world: World, user_id: str) -> dict[str, Any]:
    found = world.database["contacts"].find({"user_id": user_id})
    return {contact["display_name"]: contact async for contact in found}


def kept(browser: Browser, folder: Path) -> list[list[str]]:
    """The rows of what was downloaded, once it is there."""
    file = browser.downloaded(folder, "*.csv")
    return list(csv.reader(file.read_text("utf-8-sig").splitlines()))


@in_a_browser
def test_a_person_drops_a_file_names_a_column_watches_and_keeps_what_failed(
    world: World, browser: Browser, person: Person
) -> None:
    downloads = person.folder("downloads")
    browser.downloads(downloads)
    person.open()
    browser.see("#drop")
    browser.drop("body", "friends.csv", BOOK)
    browser.see("#file-title", "friends.csv")
    assert browser.text("#file-lead").startswith("4 rows · 4 columns · split by comma")
    assert browser.run("return document.activeElement.id") == "file-title"
    headers = [one.text for one in browser.all("#columns .header")]
    assert headers == ["Name", "E-mail", "Reach", "Blurb"]
    browser.see("#columns .samples", "ada@x.example · grace@x.example")
    browser.see("#columns .reason", "Certain (100%). The header is known.")
    browser.see("#columns .unsure .reason", "Nobody knows what this is")
    browser.choose("[data-index='2']", "phone.mobile")
    browser.choose("[data-index='3']", "ignore")
    browser.gone(".unsure")
    browser.click("label", "people without an e-mail")
    browser.click("#begin")
    browser.see("h1", "Import of a CSV file")
    browser.see(".card .state", "Completed")
    contacts = person.wait_for(contacts_of(world, person.id))
    assert set(contacts) == {"Ada Lovelace", "Grace Hopper", "Nobody Known"}
    ada = contacts["Ada Lovelace"]
    assert [(one["value"], one["type"]) for one in ada["phones"]] == [("+44 20 7946 0000", "mobile")]
    assert "notes" not in ada

    browser.see("[aria-pressed=true]", "Failed 1")
    browser.see("#contacts td", "too_long")
    browser.click("#failed-file")
    header, failed = kept(browser, downloads)
    assert header == ["Name", "E-mail", "Reach", "Blurb", "error"]
    assert failed[0].startswith("Alan Turing")
    assert failed[-1].startswith("too_long")


@in_a_browser
def test_a_vcard_is_chosen_with_the_keyboard_and_found_again_after_a_while(
    world: World, browser: Browser, person: Person
) -> None:
    file = person.folder("book") / "cards.vcf"
    file.write_text(CARDS)
    person.open()
    browser.see("#drop")
    (chooser,) = browser.all("#file")
    chooser.send_keys(str(file))
    browser.see("#file-title", "cards.vcf")
    assert browser.text("#file-lead") == "2 cards · UTF-8"
    browser.gone("#columns-part")
    # Whoever comes back later, to a page that knows nothing of it, begins it from the list.
    person.open()
    browser.see(".card .sentence", "It waits for you to begin, for a day.")
    browser.click(".card .begin")
    browser.see("#file-title", "cards.vcf")
    browser.see("#begin").send_keys(Keys.ENTER)
    browser.see("h1", "Import of a vCard file")
    browser.see(".card .state", "Completed")
    assert set(person.wait_for(contacts_of(world, person.id))) == {"Ada Lovelace", "Grace Hopper"}


@in_a_browser
def test_a_file_is_read_in_the_way_that_the_person_says(world: World, browser: Browser, person: Person) -> None:
    person.open()
    browser.see("#drop")
    browser.drop("#drop", "odd.csv", "Ada;1|ada@x.example\nGrace;2|grace@x.example\n")
    browser.see("#columns-part")
    assert browser.run("return document.getElementById('delimiter').value") == ";"
    browser.choose("#delimiter", "|")
    # Of the columns that it has now nothing is known yet.
    browser.gone("#columns-part")
    browser.see("#split-note", "Split in this way the file has other columns")
    browser.choose("#header-row", "")
    browser.click("#begin")
    browser.see(".card .state", "Completed")
    assert {one["email"] for one in person.wait_for(contacts_of(world, person.id)).values()} == {
        "ada@x.example",
        "grace@x.example",
    }


@partial(in_a_browser, everreach_max_upload=1_000_000)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(world: World, browser: Browser, person: Person) -> None:
    person.open()
    browser.see("#drop")
    for name, content, status, sentence in (
        ("photo.png", "\x00PNG\x00\x00\x01" * 200, "415", "CSV"),
        ("empty.csv", "", "400", ""),
        ("large.csv", "Name,E-mail\n" + "a,b\n" * 1_000_000, "413", "The file is too large: at most"),
    ):
        browser.drop("#drop", name, content)
        browser.see("#toast-text", sentence)
        # It can be tried again with another.
        browser.see("#drop")
        assert any(status in complaint for complaint in browser.complaints()), name
        browser.click("#toast-close")
    browser.see("#no-imports")


@in_a_browser
def test_everybody_can_use_it_with_a_file(world: World, browser: Browser, person: Person) -> None:
    person.open()
    browser.see("#drop")
    look_at(browser, "drop")
    browser.drop("#drop", "friends.csv", BOOK)
    browser.see("#columns-part")
    look_at(browser, "file")
    browser.click("#begin")
    browser.see("#failed-file")
    look_at(browser, "failed-file")
