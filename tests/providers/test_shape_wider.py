"""What a contact may say beside how to reach somebody, in the providers' own shapes."""

from typing import Any

import pytest

from everreach.contacts.contact import Contact
from everreach.errors import TransientError
from tests.providers.test_shape_normal_forms import google, microsoft
from tests.providers.wire import connected, playing, reply

OURS = {"source": {"type": "CONTACT", "id": "1"}}
PROFILE = {"source": {"type": "PROFILE", "id": "2"}}


async def at_google(**person: Any) -> Contact:
    (one,) = await google(person)
    assert one.contact
    return one.contact


async def at_microsoft(**contact: Any) -> Contact:
    (one,) = await microsoft(contact)
    assert one.contact
    return one.contact


def member_of(*groups: str) -> list[dict[str, Any]]:
    return [{"contactGroupMembership": {"contactGroupResourceName": f"contactGroups/{group}"}} for group in groups]


@pytest.mark.gen_test
async def test_a_name_has_its_parts() -> None:
    name = {"honorificPrefix": "Dr.", "givenName": "Ada", "middleName": "B", "familyName": "King", "metadata": OURS}
    wide = await at_google(names=[name], nicknames=[{"value": "Countess"}])
    assert wide["name"] == {"prefix": "Dr.", "given": "Ada", "middle": "B", "family": "King", "nickname": "Countess"}
    same = {"title": "Dr.", "givenName": "Ada", "middleName": "B", "surname": "King", "nickName": "Countess"}
    assert (await at_microsoft(**same))["name"] == wide["name"]
    assert "name" not in await at_google(names=[{"displayName": "Ada"}])
    assert "name" not in await at_microsoft(displayName="Ada", givenName=" ", surname=None)


@pytest.mark.gen_test
async def test_a_birthday_may_lack_its_year() -> None:
    with_year = {"date": {"year": 1985, "month": 12, "day": 10}, "metadata": OURS}
    assert (await at_google(birthdays=[with_year]))["birthday"] == {"year": 1985, "month": 12, "day": 10}
    assert (await at_google(birthdays=[{"date": {"month": 12, "day": 10}}]))["birthday"] == {"month": 12, "day": 10}
    assert (await at_google(birthdays=[{"text": "12/10"}, with_year]))["birthday"]["year"] == 1985
    assert "birthday" not in await at_google(birthdays=[{"date": {"year": 1985}}, {"date": "1985"}, None])
    assert (await at_microsoft(birthday="1985-12-10T11:59:00Z"))["birthday"] == {"year": 1985, "month": 12, "day": 10}
    assert (await at_microsoft(birthday="1604-02-29T11:59:00Z"))["birthday"] == {"month": 2, "day": 29}
    for nonsense in ("0001-13-01T00:00:00Z", "soon", "", None, 5):
        assert "birthday" not in await at_microsoft(birthday=nonsense)


@pytest.mark.gen_test
async def test_notes_keep_their_lines_and_lose_their_markup() -> None:
    typed = {"value": "Met in Turin\nLikes maths", "contentType": "TEXT_PLAIN", "metadata": OURS}
    assert (await at_google(biographies=[typed]))["notes"] == "Met in Turin\nLikes maths"
    markup = {"value": "<p>R&amp;D</p>", "contentType": "TEXT_HTML"}
    assert (await at_google(biographies=[markup]))["notes"] == "R&D"
    public = {"value": "I am an engineer.", "contentType": "TEXT_PLAIN", "metadata": PROFILE}
    assert "notes" not in await at_google(biographies=[public])
    assert (await at_microsoft(personalNotes="One\r\nTwo"))["notes"] == "One\nTwo"
    assert "notes" not in await at_microsoft(personalNotes="")


@pytest.mark.gen_test
async def test_urls_come_along() -> None:
    assert (await at_google(urls=[{"value": "https://ada.example", "type": "blog"}, {"value": " "}]))["urls"] == [
        "https://ada.example"
    ]
    assert (await at_microsoft(businessHomePage="https://ada.example"))["urls"] == ["https://ada.example"]


@pytest.mark.gen_test
async def test_categories_are_labels() -> None:
    assert (await at_microsoft(categories=["Family", "", None, "Family"]))["labels"] == ["Family"]
    assert "labels" not in await at_microsoft(categories=[])


@pytest.mark.gen_test
async def test_groups_that_the_person_made_are_labels_and_their_names_are_asked_for_once() -> None:
    page = {"connections": [{"resourceName": "people/1", "memberships": member_of("myContacts", "starred", "ab")}]}
    names = {
        "contactGroups": [
            {"resourceName": "contactGroups/starred", "groupType": "SYSTEM_CONTACT_GROUP", "name": "starred"},
            {"resourceName": "contactGroups/ab", "groupType": "USER_CONTACT_GROUP", "name": "Climbing club"},
            {"resourceName": "contactGroups/cd", "groupType": "USER_CONTACT_GROUP"},
            "nonsense",
        ]
    }
    wire = playing(reply({**page, "nextPageToken": "2"}), reply(names), reply(page))
    listing = connected("google", wire).source.listing()
    for position in (None, "1000:2"):
        (one,) = (await listing.page("token", position)).entries
        assert one.contact
        assert one.contact.get("labels") == ["Climbing club"]


@pytest.mark.gen_test
async def test_whoever_is_in_no_group_of_their_own_costs_no_request() -> None:
    page = {"connections": [{"resourceName": "people/1", "memberships": member_of("myContacts")}]}
    (one,) = (await connected("google", playing(reply(page))).source.listing().page("token", None)).entries
    assert one.contact
    assert "labels" not in one.contact


@pytest.mark.gen_test
async def test_a_refusal_of_the_groups_costs_the_labels_alone() -> None:
    page = {"connections": [{"resourceName": "people/1", "memberships": member_of("ab")}]}
    wire = playing(reply(page), reply(status=404))
    (one,) = (await connected("google", wire).source.listing().page("token", None)).entries
    assert one.contact
    assert "labels" not in one.contact


@pytest.mark.gen_test
async def test_an_outage_of_the_groups_is_a_failed_try_of_the_page() -> None:
    page = {"connections": [{"resourceName": "people/1", "memberships": member_of("ab")}]}
    with pytest.raises(TransientError):
        await connected("google", playing(reply(page), reply(status=503))).source.listing().page("token", None)
