"""E-mail addresses: what a field holds whoever wrote it, and one key for one mailbox."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everreach.contacts.emails import email_key, read_emails
from everreach.contacts.texts import INVISIBLE

LONGEST = "a" * 308 + "@example.com"
DN = "/o=ExchangeLabs/ou=Exchange Administrative Group (X)/cn=Recipients/cn=1f-ada"
ADA = "ada@ex.org"
SIGNS = [*"@<>()[],;| \n\"':?/.", "--", "\u200b", "\u202e", "\u0130", "\u0307", "\uff20", "\u3002", "\u2100", "\u00fc"]
PARTS = st.sampled_from([*SIGNS, ADA, "Ada", "b@x.de", "mailto:", "%40", "xn--", "xn--bcher-kva"])
FIELDS = st.lists(PARTS, max_size=12).map("".join) | st.text() | st.emails()


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (ADA, ADA),
        ("  Ada@Ex.ORG\t", ADA),
        ("ada+news@ex.org", "ada+news@ex.org"),
        ("a.d.a@gmail.com", "a.d.a@gmail.com"),
        ("o'hara@ex.org", "o'hara@ex.org"),
        ("root@localhost", "root@localhost"),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
        (LONGEST, LONGEST),
        ("ada@ex.org.", ADA),
        ("ada\x00@ex\u00ad.org\u2060", ADA),
        ("ada\uff20ex.org", ADA),
        ("\uff21\uff44\uff41\uff20\uff45\uff58\uff0e\uff4f\uff52\uff47", ADA),
        ("\u00c4DA@Ex.org", "\u00e4da@ex.org"),
        ("rene\u0301@ex.org", "ren\u00e9@ex.org"),
        ("\u0130pek@\u0130st.example", "ipek@ist.example"),
        ("i\u0307pek@ex.org", "ipek@ex.org"),
        ("I\u0307pek@ex.org", "ipek@ex.org"),
        ("\u0131lker@ex.org", "\u0131lker@ex.org"),
        ("\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a", "\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a"),
        ("ada@b\u00fccher.example", "ada@b\u00fccher.example"),
        ("ada@XN--BCHER-KVA.example", "ada@b\u00fccher.example"),
        ("ADA@B\u00dcCHER.EXAMPLE", "ada@b\u00fccher.example"),
        ("ada@bu\u0308cher.example", "ada@b\u00fccher.example"),
        ("ada@xn--fiqs8s.\u4e2d\u56fd", "ada@\u4e2d\u56fd.\u4e2d\u56fd"),
        ("ada@\u4f8b\u5b50\u3002\u6d4b\u8bd5", "ada@\u4f8b\u5b50.\u6d4b\u8bd5"),
        ("ada@fa\u00df.example", "ada@fa\u00df.example"),
        ("ada@xn--ls8h.la", "ada@\U0001f4a9.la"),
        ("xn--bcher-kva@ex.org", "xn--bcher-kva@ex.org"),
        ("ada@xn--abc-.example", "ada@xn--abc-.example"),
        ("ada@xn--99999999999.example", "ada@xn--99999999999.example"),
    ],
)
def test_one_mailbox_has_one_key(address: str, key: str) -> None:
    assert email_key(address) == key


@pytest.mark.parametrize(
    "remark",
    [
        "",
        "   ",
        "n/a",
        "ask her",
        "@ex.org",
        "ada@",
        "ada@ex..org",
        "ada@.",
        "a@b@c",
        "ada @ex.org",
        "ada@ex.org, bob@ex.org",
        "Ada <ada@ex.org>",
        DN,
        "/o=ex/cn=ada@ex.org",
        "IMCEAEX-_o=ex_cn=ada@ex.org",
        "ada@ex.org\nBcc: x@y.z",
        "ada@e\u2100x.org",
        "ada@ex.org&gt",
        "a" + LONGEST,
    ],
)
def test_what_is_no_address_has_no_key(remark: str) -> None:
    assert email_key(remark) is None


@pytest.mark.parametrize(
    "field",
    [
        ADA,
        f" {ADA}\u00a0",
        f"mailto:{ADA}",
        f"MAILTO:{ADA}?subject=hi&cc=bob@ex.org",
        "mailto:ada%40ex.org",
        f"SMTP:{ADA}",
        f"Work: {ADA}",
        f"E-Mail privat: {ADA}",
        f"Ada K. <{ADA}>",
        f"<{ADA}>",
        f"<{ADA}",
        f"Ada <mailto:{ADA}>",
        f"{ADA} <{ADA}>",
        f'"King, Ada" <{ADA}>',
        f"King, Ada <{ADA}>",
        f'"bob@ex.org, not" <{ADA}>',
        f"Ada|{ADA}",
        f"Ada ({ADA})",
        f"{ADA} (work)",
        f"Ada [mailto:{ADA}]",
        f"'{ADA}'",
        f"\u201c{ADA}\u201d",
        f'"{ADA}",',
        f"{ADA};",
        f",{ADA}.",
        f"{ADA}, n/a",
        f"{ADA}, ADA@ex.org",
        f"{ADA} <EX:{DN}>",
        f"\u2068{ADA}\u2069",
        f"\ufeff{ADA}\x00",
    ],
)
def test_an_address_is_found_in_what_stands_around_it(field: str) -> None:
    assert read_emails(field) == [(ADA, ADA)]


@pytest.mark.parametrize(
    "field",
    [
        "ada@ex.org; bob@ex.org",
        "ada@ex.org,bob@ex.org",
        "ada@ex.org bob@ex.org",
        "ada@ex.org / bob@ex.org",
        "ada@ex.org/bob@ex.org",
        "ada@ex.org and bob@ex.org",
        "ada@ex.org\r\nbob@ex.org",
        "ada@ex.org\uff1bbob@ex.org",
        "Ada <ada@ex.org>, Bob <bob@ex.org>",
        "<ada@ex.org> <bob@ex.org>",
        "ada@ex.org, bob@ex.org, Ada@ex.org",
    ],
)
def test_several_in_one_field_are_several(field: str) -> None:
    assert [key for _, key in read_emails(field)] == [ADA, "bob@ex.org"]


@pytest.mark.parametrize(
    "field",
    [
        "annie @example.org",
        "annie smith@example.org",
        "john,smith@example.org",
        "john;smith@example.org",
        "ask bob@example.org first",
        '"ada king"@example.org',
        "ada at example.org",
        "&lt;ada@example.org&gt;x",
        DN,
        f"EX:{DN}",
        "n/a",
        "",
    ],
)
def test_nobody_s_address_is_guessed(field: str) -> None:
    assert read_emails(field) == []


def test_an_address_is_shown_as_it_was_typed() -> None:
    assert read_emails("'Ada@B\u00fccher.Example'.") == [("Ada@B\u00fccher.Example", "ada@b\u00fccher.example")]
    assert read_emails("ada@XN--BCHER-KVA.example") == [("ada@XN--BCHER-KVA.example", "ada@b\u00fccher.example")]


def test_a_field_without_end_is_read_in_no_time_and_no_half_address_is_taken() -> None:
    began = time.process_time()
    found = read_emails("ada@example.org, " * 100_000 + "x")
    assert [key for _, key in found] == ["ada@example.org"]
    for nonsense in ("a,", "@", "<", "(", '"', ":", "a@x", "a ", "mailto:", "a;@"):
        read_emails(nonsense * 100_000)
    assert time.process_time() - began < 5
    assert [key for _, key in read_emails("a@x.org;" + "b" * 3980 + "@example.org")] == ["a@x.org"]


@example("\u0130\u0307@x")
@given(FIELDS)
def test_a_key_is_its_own_key_and_holds_nothing_invisible(field: str) -> None:
    for key in filter(None, (email_key(field), *(key for _, key in read_emails(field)))):
        assert email_key(key) == key == key.lower().strip() == unicodedata.normalize("NFC", key)
        assert INVISIBLE.search(key) is None
        assert key.count("@") == 1
        assert not any(sign.isspace() for sign in key)
        assert not key.endswith(".")
        assert "i\u0307" not in key


@given(FIELDS)
def test_reading_what_was_read_changes_nothing(field: str) -> None:
    for shown, key in read_emails(field):
        assert read_emails(shown) == [(shown, key)]


@given(st.emails(), st.sampled_from(["", " ", "\t", "\u00a0", "\u200b"]))
def test_case_and_what_stands_around_never_make_another_key(address: str, around: str) -> None:
    if (key := email_key(address)) and address.isascii():
        assert email_key(around + address.upper() + around) == key
        if address[0].isalnum():
            assert read_emails(f"Ada <{address}>") == [(address, key)]
