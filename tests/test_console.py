"""The console as a person uses it, in a real Chromium: with a thumb, a keyboard or a screen reader, day or night."""

from functools import partial
from typing import Final

import pytest
from selenium.webdriver.common.keys import Keys

from providers.sandbox.faults import Fault
from providers.sandbox.people import expected
from tests.browser import DESK, INSTALLED, PHONE, Browser
from tests.console import EMAIL, Person, in_a_browser, look_at
from tests.handlers.following import complete, following
from tests.world import ACCOUNT, World

MARKUP: Final = '<img src=x onerror="violations.push(1)">@x.example'
MANY: Final = 2345

pytestmark = pytest.mark.skipif(
    not INSTALLED, reason="the console is tried in Chromium (Debian: apt install chromium chromium-driver)"
)


@in_a_browser
def test_a_person_imports_consents_watches_and_reads_why(world: World, browser: Browser, person: Person) -> None:
    # Longer than the quarter of a second between two states, so that each page can be seen to come.
    world.sandbox.latency = 0.3
    imported, no_email, duplicate = expected(world.sandbox.book(ACCOUNT, MANY))
    person.open()
    assert "token" not in browser.driver.current_url
    assert browser.run("return sessionStorage.length") == 1
    assert browser.text("#person") == EMAIL
    browser.see("#no-imports", "Nothing yet")
    browser.picture("empty-phone-light")
    browser.record("aria-valuenow")
    person.start()
    browser.see(".card .sentence", "Give your consent at Google")
    browser.see(".card .consent")
    browser.picture("waiting-phone-light")
    with browser.other_tab():
        assert browser.run("return [window.opener, document.referrer]") == [None, ""]
        browser.type("[name=account]", ACCOUNT)
        browser.type("[name=size]", str(MANY))
        for name, size in {"desktop": DESK, "phone": PHONE}.items():
            browser.resize(size, dark=size == DESK)
            browser.picture(f"consent-{name}")
        browser.click("[value=allow]")
        browser.see("h1", "Thank you")
        browser.picture("answered-phone")
    browser.see(".card .sentence", f"{MANY:,} contacts in ")
    shares = browser.recorded()
    assert shares == sorted(shares)
    assert len(set(shares)) > 1
    widths = browser.run("return [...document.querySelector('.meter').children].map((part) => part.offsetWidth)")
    assert widths[0] / sum(widths) == pytest.approx(imported / MANY, abs=0.02)
    assert widths[2:] == [0, 0]
    numbers = [one.text.replace(",", "") for one in browser.all(".card dd")]
    assert numbers == [str(number) for number in (imported, no_email + duplicate, 0, MANY)]
    told = browser.see("[role=img].meter").get_attribute("aria-label")
    assert told == f"{imported:,} imported, {no_email + duplicate} skipped, 0 failed"
    assert browser.run("return document.getElementById('said').textContent").startswith(
        "Import from Google: Completed."
    )

    browser.click(".details")
    browser.see("h1", "Import from Google")
    assert browser.see("[aria-pressed=true]").text == f"Skipped {no_email + duplicate}"
    browser.see("#contacts td", "It has no e-mail address.")
    browser.see("#contacts td", "You already have a contact with this e-mail address.")
    browser.click("#contacts-pager .next")
    browser.see("#contacts-pager .range", f"26 to 50 of {no_email + duplicate}")
    browser.click("#filters button", "Imported")
    browser.see("#contacts-pager .range", f"1 to 25 of {imported:,}")
    browser.click("#filters button", "Failed")
    browser.see("#no-contacts", "No contact failed.")
    browser.driver.back()
    browser.see("h1", "Import your contacts")
    browser.see(".card[data-status=completed]")


@in_a_browser
def test_an_import_that_fails_says_why_and_can_be_tried_again(world: World, browser: Browser, person: Person) -> None:
    world.sandbox.faults.add(Fault("invalid_grant", "token"), Fault("missing_scope", "page"))
    person.open()
    person.start("Microsoft")
    person.answer()
    browser.see(".card .sentence", "The account could not be connected. Please start the import again.")
    browser.click(".retry")
    person.answer()
    browser.see(".card .sentence", "Microsoft refused to share the contacts of this account. Please reconnect it.")
    # What was given is kept for a while, so this time nobody is asked.
    browser.click(".retry")
    browser.see(".card .state", "Completed")


@in_a_browser
def test_whoever_says_no_is_told_so_and_can_think_again(world: World, browser: Browser, person: Person) -> None:
    person.open()
    person.start()
    person.answer("deny")
    browser.see(".card .state", "Failed")
    browser.see(
        ".card .sentence", "You did not allow access to your contacts. Start the import again to try once more."
    )
    browser.click(".retry")
    person.answer()
    browser.see(".card .state", "Completed")


@in_a_browser
def test_an_import_under_way_can_be_cancelled(world: World, browser: Browser, person: Person) -> None:
    person.running(imported=300, skipped=80, failed=20)
    person.open()
    browser.see(".card .percent", "40%")
    browser.see(".cancel").send_keys(Keys.ENTER)
    browser.see(".card .state", "Cancelled")
    browser.see(".card .sentence", "What had arrived by then stays in your address book.")
    # Whoever uses a keyboard is not thrown back to the top.
    assert browser.run("return document.activeElement.className") == "button details"


@in_a_browser
def test_the_page_follows_on_when_its_server_goes_away(world: World, browser: Browser, person: Person) -> None:
    job_id = person.running(imported=100)
    person.open()
    browser.see(".card .percent", "10%")
    person.wait_for(world.node.services.followers.dismiss())
    person.advance(job_id, imported=500)
    browser.see(".card .percent", "50%")
    person.wait_for(complete(world, job_id))
    browser.see(".card .state", "Completed")


@in_a_browser
def test_where_no_websocket_can_be_had_the_page_polls(world: World, browser: Browser, person: Person) -> None:
    job_id = person.running(imported=100)
    # This address is not the one that the server knows as its own.
    person.open("localhost")
    browser.see(".card .percent", "10%")
    # It waits at the server, so that it hears at once.
    person.wait_for(following(world.node, 1))
    person.advance(job_id, imported=500)
    browser.see(".card .percent", "50%")
    refused = browser.complaints()
    assert refused
    assert all("WebSocket" in complaint and "403" in complaint for complaint in refused)


@partial(in_a_browser, rate_limit_start="1/hour")
def test_a_refusal_is_shown_in_the_api_s_own_sentence(world: World, browser: Browser, person: Person) -> None:
    person.open()
    person.start()
    browser.see(".card .consent")
    person.start()
    assert browser.text("#toast-text").startswith("Too many requests. Please try again in ")
    browser.click("#toast-close")
    browser.gone("#toast")
    browser.run("location.hash = 'import=nobodys'")
    browser.see("#no-contacts", "Import job not found or access denied")
    too_many, not_found = browser.complaints()
    assert "429" in too_many
    assert "404" in not_found


@in_a_browser
def test_without_a_token_the_page_asks_for_one(world: World, browser: Browser, person: Person) -> None:
    browser.open(f"{world.origin}/console")
    for wrong, sentence in (
        ("no token", "This is no access token: one has three parts with dots between them."),
        (person.token(-60), "Please sign in: a valid bearer token is required."),
    ):
        browser.see("#token").send_keys(wrong, Keys.ENTER)
        browser.see("#sign-in-reason", sentence)
    browser.see("#token").send_keys(person.token(), Keys.ENTER)
    browser.see("#no-imports")
    browser.click("#leave")
    browser.see("#sign-in-reason", "You have signed out.")
    assert browser.run("return sessionStorage.length") == 0
    complaints = browser.complaints()
    assert all("401" in complaint for complaint in complaints), complaints


@in_a_browser
def test_a_link_signs_nobody_in_but_on_their_own_machine(world: World, browser: Browser, person: Person) -> None:
    person.open("console.example")
    browser.see("#sign-in-reason", "A link signs you in on your own machine only.")
    assert "token" not in browser.driver.current_url
    assert browser.run("return sessionStorage.length") == 0


@in_a_browser
def test_markup_in_a_name_is_text(world: World, browser: Browser, person: Person) -> None:
    job_id = person.imported(account=MARKUP)
    person.wait_for(rename(world, job_id, MARKUP))
    person.open()
    browser.see(".origin", MARKUP)
    browser.click(".details")
    browser.see("#contacts th", MARKUP)


async def rename(world: World, job_id: str, name: str) -> None:
    await world.database["imported_contacts"].update_many({"import_job_id": job_id}, {"$set": {"display_name": name}})


@in_a_browser
def test_older_imports_are_on_the_next_page(world: World, browser: Browser, person: Person) -> None:
    for _ in range(11):
        person.imported(size=0)
    person.open()
    browser.see("#history-pager .range", "1 to 10 of 11")
    browser.click("#history-pager .next")
    browser.see("#history-pager .range", "11 to 11 of 11")
    assert len(browser.all(".card")) == 1


@in_a_browser
def test_everybody_can_use_it(world: World, browser: Browser, person: Person) -> None:
    person.imported(500, account="ada@gmail.example")
    world.sandbox.faults.add(Fault("missing_scope", "page"))
    person.imported(700, "microsoft", "ada@outlook.example")
    person.running(imported=540, skipped=76, failed=4)
    browser.open(f"{world.origin}/console")
    browser.see("#token")
    look_at(browser, "sign-in")
    person.open()
    browser.see(".card .percent")
    look_at(browser, "home")
    browser.click("[data-status=completed] .details")
    browser.see("#contacts td")
    look_at(browser, "detail")
