"""What setup.cfg asks for, line by line."""

from configparser import ConfigParser

from packaging.requirements import Requirement

from tests.deploy.conftest import ROOT


def required(*extras: str) -> list[Requirement]:
    """What the product itself needs, and these extras."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", "utf-8")
    texts = [settings["options"]["install_requires"], *(settings["options.extras_require"][extra] for extra in extras)]
    lines = [line for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def bound(requirement: Requirement, *operators: str) -> str | None:
    """The version that stands behind one of these operators."""
    return next((part.version for part in requirement.specifier if part.operator in operators), None)
