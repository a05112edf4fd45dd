"""The tree of errors is drawn as it is, and each error has words for a person."""

import inspect
import re

import pytest

from everreach import errors
from everreach.errors import (
    ApiError,
    CallbackError,
    EverReachError,
    NotConfiguredError,
    SettingsError,
    ThrottledError,
    TooManyRequestsError,
    UnauthorizedError,
)

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, EverReachError)]
PLAIN = [kind for kind in TREE if vars(kind).get("__init__", EverReachError.__init__) is EverReachError.__init__]
ANSWERS = [kind for kind in TREE if issubclass(kind, ApiError)]


def drawn() -> dict[str, str]:
    """Each class in the module's drawing, with the one it hangs from."""
    parents, path = {}, ["EverReachError"]
    for branch, name in re.findall(r"^ {4}([│ ]*[├└]── )(\w+)", inspect.getdoc(errors) or "", re.MULTILINE):
        depth = len(branch) // 4
        parents[name] = path[depth - 1]
        path[depth:] = [name]
    return parents


def test_the_drawing_is_the_tree() -> None:
    actual = {kind.__name__: kind.__base__.__name__ for kind in TREE if kind is not EverReachError and kind.__base__}
    assert drawn() == actual


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_is_a_sentence_a_person_can_read(kind: type[EverReachError]) -> None:
    own = kind.__doc__
    assert own is not None
    assert re.fullmatch(r"[A-Z][^\n]* [^\n]*", own)
    assert own.endswith(".") or kind is errors.JobNotFoundError


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_the_docstring_is_the_message_unless_there_is_a_better_one(kind: type[EverReachError]) -> None:
    assert kind().message == inspect.getdoc(kind)
    assert kind("Better.").message == "Better."


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_every_answer_has_a_status_and_a_title(kind: type[ApiError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.title


def test_answers_say_what_their_headers_and_bodies_have_to() -> None:
    assert UnauthorizedError().headers == {"WWW-Authenticate": "Bearer"}
    assert TooManyRequestsError(7).headers == {"Retry-After": "7"}
    assert "7 seconds" in TooManyRequestsError(7).message
    assert NotConfiguredError("m", "https://setup.example/").details == {"setup_url": "https://setup.example/"}
    assert errors.JobNotFoundError().message == "Import job not found or access denied"
    assert ApiError().headers == ApiError().details == {}


def test_the_settings_error_lists_every_problem() -> None:
    error = SettingsError(["A: wrong", "B: missing"])
    assert error.problems == ["A: wrong", "B: missing"]
    assert error.message.splitlines()[1:] == ["  - A: wrong", "  - B: missing"]


def test_errors_carry_what_their_catchers_need() -> None:
    assert CallbackError("access_denied").code == "access_denied"
    assert "access_denied" not in CallbackError("access_denied").message
    assert ThrottledError(2.5).retry_after == 2.5
    assert ThrottledError().retry_after is None
