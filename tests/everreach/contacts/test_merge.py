"""What is missing is filled in, and nothing that was there is touched."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.contacts.merge import ITEMS_LIMIT, filled


def items(*values: str) -> list[dict[str, Any]]:
    return [{"value": value, "type": None, "primary": not place} for place, value in enumerate(values)]


def values(changed: dict[str, Any], field: str) -> list[tuple[str, bool]]:
    return [(item["value"], item["primary"]) for item in changed[field]]


def test_whoever_lacks_nothing_stays_as_they_are() -> None:
    ada = {"display_name": "Ada", "emails": items("ada@example.org"), "phones": [], "name": {"given": "Ada"}}
    assert filled(ada, ada) == {}
    assert filled(ada, {}) == {}
    assert filled({**ada, "notes": "mine"}, {**ada, "notes": "theirs", "display_name": "A. King"}) == {}


def test_a_field_that_is_blank_is_filled() -> None:
    came = {"display_name": "Ada", "phone": "+442079460150", "birthday": {"month": 12, "day": 10}, "notes": "Maths"}
    assert filled({}, came) == came
    assert filled({"display_name": "", "phone": None, "notes": "mine"}, came) == {
        name: came[name] for name in ("display_name", "phone", "birthday")
    }


def test_parts_of_a_name_are_added_one_by_one() -> None:
    came = {"name": {"given": "Augusta", "family": "King"}}
    assert filled({"name": {"given": "Ada"}}, came) == {"name": {"given": "Ada", "family": "King"}}
    assert filled({"name": {"given": "Ada", "family": "K"}}, came) == {}


def test_an_item_that_is_there_in_another_spelling_comes_not_twice() -> None:
    there = {"emails": items("Ada@Example.org"), "phones": [{"value": "020 7946 0150", "e164": "+442079460150"}]}
    came = {"emails": items("ada@example.org", "ada@work.example"), "phones": items("+44 20 7946 0150", "+44 1 2")}
    changed = filled(there, came)
    assert values(changed, "emails") == [("Ada@Example.org", True), ("ada@work.example", False)]
    assert [item["value"] for item in changed["phones"]] == ["020 7946 0150", "+44 1 2"]


def test_the_first_item_of_all_stays_the_primary() -> None:
    assert values(filled({"phones": []}, {"phones": items("1", "2")}), "phones") == [("1", True), ("2", False)]


def test_an_address_is_known_by_its_parts_and_a_firm_by_name_and_title() -> None:
    there = {
        "addresses": [{"type": "home", "city": "Turin"}],
        "organizations": [{"type": "work", "name": "Ex", "title": "Analyst"}],
    }
    came = {
        "addresses": [{"type": "other", "city": "Turin"}, {"type": "home", "city": "London"}],
        "organizations": [{"name": "Ex", "title": "Analyst", "department": "Engines"}, {"name": "Ex", "title": "Boss"}],
    }
    changed = filled(there, came)
    assert [address["city"] for address in changed["addresses"]] == ["Turin", "London"]
    assert [firm["title"] for firm in changed["organizations"]] == ["Analyst", "Boss"]


def test_links_and_labels_are_sets() -> None:
    assert filled({"urls": ["a"], "labels": ["x"]}, {"urls": ["b", "a"], "labels": ["x"]}) == {"urls": ["a", "b"]}


@pytest.mark.parametrize("odd", ["text", 5, {"a": 1}, True])
def test_what_the_app_keeps_in_its_own_shape_is_left_alone(odd: object) -> None:
    there = dict.fromkeys(("emails", "phones", "addresses", "organizations", "urls", "labels", "birthday"), odd)
    came = {
        "emails": items("a@b"),
        "phones": items("1"),
        "addresses": [{"city": "Turin"}],
        "organizations": [{"name": "Ex"}],
        "urls": ["u"],
        "labels": ["l"],
        "birthday": {"month": 1, "day": 1},
    }
    assert filled(there, came) == {}


def test_a_list_does_not_grow_without_end() -> None:
    there = {"urls": [str(number) for number in range(ITEMS_LIMIT)]}
    assert filled(there, {"urls": ["another"]}) == {}
    many = filled({"urls": ["0"]}, {"urls": [str(number) for number in range(3 * ITEMS_LIMIT)]})
    assert len(many["urls"]) == ITEMS_LIMIT


TEXT = st.sampled_from(["", "a", "b", "a@b.example", "+44 20 7946 0150", "020 7946 0150"])
ITEMS = st.lists(st.fixed_dictionaries({"value": TEXT, "type": st.none(), "primary": st.booleans()}), max_size=4)
CONTACT = st.fixed_dictionaries(
    {},
    optional={
        "display_name": st.none() | TEXT,
        "notes": TEXT,
        "name": st.dictionaries(st.sampled_from(["given", "family"]), TEXT),
        "emails": ITEMS,
        "phones": ITEMS,
        "urls": st.lists(TEXT, max_size=3),
    },
)


@given(CONTACT, CONTACT)
def test_filling_twice_fills_nothing_and_keeps_all_that_was_there(there: dict[str, Any], came: dict[str, Any]) -> None:
    after = {**there, **filled(there, came)}
    assert filled(after, came) == {}
    for field, value in there.items():
        if isinstance(value, list):
            assert after[field][: len(value)] == value
        elif isinstance(value, dict):
            assert value.items() <= after[field].items()
        elif value:
            assert after[field] == value
