"""Texts as they are shown: nothing invisible, nothing that bends its neighbours, and whole letters only."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everreach.contacts.texts import INVISIBLE, TEXT_LIMIT, lines, text

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
ODD = st.text(
    st.sampled_from(" \n\r\t\0\x07\x85\xa0\xad\u0301\u0307\u115f\u200b\u200d\u200e\u202e\u2068\u2800\u3164\ufe0f\uac00")
    | st.characters()
)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Ada King", "Ada King"),
        ("  Ada\u00a0", "Ada"),
        ("Rene\u0301", "Ren\u00e9"),
        ("Ada\0King\x07", "Ada King"),
        ("Ada \r\n\t King", "Ada King"),
        ("Ada\u2028King", "Ada King"),
        ("\u202eGnik adA", "Gnik adA"),
        ("\u2068Ada\u2069 (\u202bx\u202c)", "Ada (x)"),
        ("\ufeffAda\u200b King\u00ad", "Ada King"),
        ("e\u200b\u0301", "\u00e9"),
        ("\u3164Ada\u2800King\u3164", "Ada\u2800King"),
        ("\u200e\u3164 Ada", "Ada"),
        ("Ada\udc00", "Ada"),
        ("Ada\U000e0041\U000e0042", "Ada"),
        ("\u1100\u1161", "\uac00"),
    ],
)
def test_what_nobody_sees_is_not_there(sent: str, shown: str) -> None:
    assert text(sent) == lines(sent.replace("\r\n", " ").replace("\u2028", " ")) == shown


@pytest.mark.parametrize(
    "kept",
    [
        FAMILY,
        SCOTLAND,
        "\u2764\ufe0f",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\u0d05\u0d35\u0d28\u0d4d\u200d",
        "\u05d0\u05d1 C++\u200e",
        "M\u00fcller \u00df \u738b \U00020bb7",
        "Ada  King",
    ],
)
def test_what_shapes_letters_and_emoji_stays(kept: str) -> None:
    assert text(kept) == lines(kept) == kept


@pytest.mark.parametrize(
    "blank",
    [
        "",
        " ",
        "\n\t",
        "\u200e\u3164\u2800",
        "\u115f\u1160\uffa0",
        "\u200b\u200d\ufeff",
        "\ufe0f\u034f",
        "\0",
        "\u202e",
        "\ufffc",
    ],
)
def test_a_text_of_blanks_fillers_and_invisible_characters_is_blank(blank: str) -> None:
    assert text(blank) is None
    assert lines(blank) is None
    assert (text(None), lines(None)) == (None, None)


def test_line_breaks_stay_where_there_may_be_lines_and_are_of_one_kind() -> None:
    assert lines("1 A St\r\nLondon\rN1\u2028UK\x85x\vy\x0cz") == "1 A St\nLondon\nN1\nUK\nx\ny\nz"
    assert lines("\n 1 A St \0\n\u00dcberall\t2\n") == "1 A St \n\u00dcberall 2"
    assert text("1 A St\nLondon") == "1 A St London"


@pytest.mark.parametrize(
    "one", [FAMILY, SCOTLAND, "q\u0323\u0302\u0315", "\u0915\u094d\u0937\u093f", "\U0001f1ec\U0001f1e7"]
)
def test_a_long_text_is_cut_at_the_edge_of_what_a_person_sees_as_one_character(one: str) -> None:
    head = "x" * (TEXT_LIMIT - len(one))
    assert text(f"x{head}{one}") == f"x{head}"
    assert text(f"{head}{one}more") == f"{head}{one}"
    assert text(f"{head}\u200b{one}more") == f"{head}{one}"


def test_what_has_no_edge_is_cut_all_the_same_and_in_no_time() -> None:
    began = time.process_time()
    assert len(text("a" + "\u0300\u0316" * 200_000) or "") == TEXT_LIMIT
    assert time.process_time() - began < 2


@example("\u115f\u0301")
@example(" \u200e\u3164e\u200b\u0301")
@given(ODD | st.text() | ODD.map(lambda part: part * 600))
def test_once_is_enough_and_nothing_of_the_kind_is_left(sent: str) -> None:
    for clean, breaks in ((text, ""), (lines, "\n")):
        shown = clean(sent)
        if shown is None:
            continue
        assert clean(shown) == shown
        assert 0 < len(shown) <= TEXT_LIMIT
        assert unicodedata.is_normalized("NFC", shown)
        assert not {unicodedata.category(sign) for sign in shown if sign not in breaks} & {"Cc", "Cs", "Zl", "Zp"}
        assert not set("\u200b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff") & set(shown)
        assert INVISIBLE.sub("", shown).strip()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=50))
def test_plain_text_is_only_trimmed(sent: str) -> None:
    assert text(sent) == lines(sent) == (sent.strip() or None)
