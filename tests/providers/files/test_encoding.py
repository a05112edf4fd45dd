"""The encoding of a file: known from the whole of it, in whatever pieces it comes."""

# ruff: noqa: RUF001 - Letters of many scripts are what this is about.

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.files.encoding import EncodingWatch, codec_of

ASCII = b"Name,E-mail\r\nAda King,ada@example.org\r\n"
GERMAN = "Vorname;Straße geschäftlich\r\nJürgen;Große Gasse 1 – 3\r\nÄnne;Köln\r\n"
TEXTS = {
    "windows-1252": GERMAN,
    "windows-1250": "Imię;Nazwisko\r\nŁucja;Żak\r\nMichał;Wąs\r\nPaweł;Ćwik\r\n",
    "windows-1251": "Имя;Фамилия\r\nИра;Белова\r\nПётр;Санкт-Петербург\r\n",
    "windows-1253": "Γιώργος;Παπαδόπουλος\r\nΕλένη;Αθήνα\r\n",
    "windows-1255": "דוד;כהן\r\nשרה;תל אביב\r\n",
    "Windows-31J": "姓;名;電子メール アドレス\r\n表;太郎;東京都千代田区\r\n",
    "GB18030": "姓;名;电子邮件地址\r\n王;小明;北京市\r\n",
    "Big5": "姓氏;名字;電子郵件地址\r\n王;小明;台北市\r\n",
    "EUC-KR": "성;이름;전자 메일 주소\r\n김;철수;서울특별시\r\n",
}


def encoding(data: bytes, piece: int = 5000) -> str:
    watch = EncodingWatch()
    for start in range(0, len(data), piece):
        watch.feed(data[start : start + piece])
    return watch.result()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "UTF-8"),
        (ASCII, "UTF-8"),
        (GERMAN.encode(), "UTF-8"),
        (GERMAN.encode("utf-8-sig"), "UTF-8"),
        (GERMAN.encode("utf-16"), "UTF-16LE"),
        (b"\xfe\xff" + GERMAN.encode("utf-16-be"), "UTF-16BE"),
        (GERMAN.encode("utf-16-le"), "UTF-16LE"),
        (GERMAN.encode("utf-16-be"), "UTF-16BE"),
        (ASCII.decode().encode("utf-16-le"), "UTF-16LE"),
        (TEXTS["GB18030"].encode("utf-16-le"), "UTF-16LE"),
        (ASCII + b"Bob\0,\0\0b@example.org\r\n", "UTF-8"),
        *((ASCII + text.encode(codec_of(name) or ""), name) for name, text in TEXTS.items()),
    ],
)
@pytest.mark.parametrize("piece", [7, 5000])
def test_the_encoding_is_known(data: bytes, name: str, piece: int) -> None:
    assert encoding(data, piece) == name


@pytest.mark.parametrize("name", ["José", "Müller", "Garçon", "Ångström", "Renée Köhler"])
def test_a_single_name_is_enough_for_western_letters(name: str) -> None:
    assert encoding(ASCII + name.encode("cp1252") + b",x@example.org") == "windows-1252"


def test_the_first_letter_may_come_late() -> None:
    assert encoding(ASCII * 50_000 + TEXTS["windows-1251"].encode("cp1251"), 65536) == "windows-1251"


def test_one_damaged_byte_does_not_make_it_another_encoding() -> None:
    watch = EncodingWatch()
    watch.feed(GERMAN.encode() + b"Jos\xe9;x\r\n")
    assert (watch.result(), watch.damaged) == ("UTF-8", True)
    cut = EncodingWatch()
    cut.feed(GERMAN.encode() + "é".encode()[:1])
    assert (cut.result(), cut.damaged) == ("UTF-8", True)


def test_names_mean_the_widest_codec_of_their_family() -> None:
    assert [codec_of(name) for name in ("utf-8", "UTF-16LE", "utf-16be", "ISO-8859-1", "Shift_JIS", "GB2312")] == [
        "utf-8",
        "utf-16-le",
        "utf-16-be",
        "cp1252",
        "cp932",
        "gb18030",
    ]
    assert [codec_of(name) for name in ("UTF-16", "UTF-7", "cp037", "rot13", "base64", "nonsense", "a\0b", "")] == [
        None
    ] * 8


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_have_an_encoding_and_pieces_make_no_difference(data: bytes, piece: int) -> None:
    found = encoding(data)
    assert codec_of(found)
    assert encoding(data, piece) == found
