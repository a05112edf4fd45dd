"""What may be asked for, and what is not offered yet."""

import msgspec
import pytest

from everreach.errors import BadRequestError
from everreach.jobs.options import DEFAULTS, NOT_OFFERED, Options, offered


def test_what_nobody_asks_for_is_offered() -> None:
    assert offered(DEFAULTS) is DEFAULTS
    assert offered(Options(region="GB")).region == "GB"


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_what_the_import_does_not_do_yet_is_refused_by_its_name(name: str) -> None:
    asked = msgspec.structs.replace(DEFAULTS, **{name: NOT_OFFERED[name]})
    with pytest.raises(BadRequestError, match=name):
        offered(asked)


def test_they_are_stored_as_what_differs() -> None:
    assert msgspec.to_builtins(DEFAULTS) == {}
    assert msgspec.convert(msgspec.to_builtins(Options(region="GB")), Options) == Options(region="GB")
