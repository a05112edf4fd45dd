"""What is wrong with the settings, in sentences that name them as an operator does."""

from collections.abc import Callable

from pydantic import ValidationError

from everreach.setting_types import KEY_ADVICE


def problems_of(error: ValidationError, named: Callable[[str], str]) -> list[str]:
    """What is wrong with which setting, a sentence each; `named` tells a field's name in the environment."""
    return [_sentence(named(str(problem["loc"][0])), problem["msg"]) for problem in error.errors()]


def _sentence(name: str, reason: str) -> str:
    if reason == "Field required":
        reason = f"is missing; {KEY_ADVICE}"
    return f"{name}: {reason.removeprefix('Value error, ')}"
