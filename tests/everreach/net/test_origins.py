"""Origins are compared as browsers do, and written as they write them."""

import pytest

from everreach.net.origins import origin, serialized


@pytest.mark.parametrize(
    "url",
    ["https://a.example", "https://A.EXAMPLE/", "HTTPS://a.example:443", "https://a.example/a/path?x#y"],
)
def test_spellings_of_one_origin_are_one(url: str) -> None:
    assert origin(url) == ("https", "a.example", 443)
    assert serialized(url) == "https://a.example"


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("http://a.example:8080/", "http://a.example:8080"),
        ("http://a.example:443", "http://a.example:443"),
        ("http://[::0001]", "http://[::1]"),
        ("http://[FE80::1]:80/x", "http://[fe80::1]"),
        ("http://10.0.2.2:8081", "http://10.0.2.2:8081"),
    ],
)
def test_another_port_or_address_is_written(url: str, written: str) -> None:
    assert serialized(url) == written


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "*", "a.example", "//a.example", "https://", "https://a.example:port", "https://[::1",
        "https://user@a.example", "https://a.example\\@b.example", "https://*.example",
        "https://a.example, https://b.example", "https://bücher.example", "file:///x", "capacitor://localhost",
        "https://a.example:99999",
    ],
)  # fmt: skip
def test_what_no_browser_can_write_is_none(text: str) -> None:
    assert serialized(text) is None
