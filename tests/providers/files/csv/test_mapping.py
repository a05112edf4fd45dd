"""What a client says of the columns: checked, with one sentence for what is wrong."""

import pytest

from everreach.errors import BadRequestError
from providers.files.csv.columns import Column
from providers.files.csv.mapping import is_field, mapped

COLUMNS = [Column(n, "", [], field, 1.0, "") for n, field in enumerate(["display_name", "email", "ignore", "notes"])]


def test_what_is_not_said_stays_as_it_was_recognised() -> None:
    assert mapped(COLUMNS, {}) == {0: "display_name", 1: "email", 3: "notes"}
    assert mapped(COLUMNS, {"3": "phone.mobile", "1": "ignore"}) == {0: "display_name", 3: "phone.mobile"}


def test_what_is_said_of_one_column_makes_a_note_of_another() -> None:
    assert mapped(COLUMNS, {"1": "display_name"}) == {0: "notes", 1: "display_name", 3: "notes"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"4": "email"}, "There is no column '4': they are numbered from 0 to 3."),
        ({"-1": "email"}, "There is no column '-1': they are numbered from 0 to 3."),
        ({"01": "email"}, "There is no column '01': they are numbered from 0 to 3."),
        ({"1": "mail"}, "Column 1 cannot be 'mail': there is no such field."),
        (
            {"1": "birthday", "2": "birthday"},
            "Only one column can be 'birthday': map the others to something else, or to 'ignore'.",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(said: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        mapped(COLUMNS, said)
    assert str(refused.value) == sentence


def test_the_fields_are_those_of_the_contract() -> None:
    fields = (
        "display_name name.prefix name.nickname email email.work phone.mobile address.city address.home.postal_code"
    )
    assert all(map(is_field, (*fields.split(), "organization.title", "birthday", "notes", "urls", "labels", "ignore")))
    strange = [
        "",
        "name",
        "name.first",
        "email.",
        "email.a.b",
        "address",
        "address.home",
        "organization",
        "notes.x",
        "Email",
    ]
    assert [name for name in strange if is_field(name)] == []
