"""The lock file: what is shipped has these very versions, and setup.cfg allows each of them."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.conftest import ROOT
from tests.deploy.requirements import bound, required

LOCK = ROOT / "deploy" / "requirements.lock"
EXTRAS = ("embedded", "tracing", "dev", "binary")
SHIPPED = [str(requirement) for requirement in required("tracing", "binary")]


def locked() -> list[tuple[Requirement, list[str]]]:
    """Each requirement, and the hashes of its files."""
    text = re.sub(r"^#.*\n", "", LOCK.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", "")
    lines = [line.split(" --hash=") for line in text.splitlines() if line.strip()]
    return [(Requirement(requirement), hashes) for requirement, *hashes in lines]


@pytest.mark.parametrize("line", SHIPPED)
def test_what_setup_cfg_asks_for_is_pinned_within_its_bounds(line: str) -> None:
    asked = Requirement(line)
    pins = [one for one, _ in locked() if canonicalize_name(one.name) == canonicalize_name(asked.name)]
    versions = [bound(one, "==") for one in pins]
    assert versions, "make lock adds it"
    assert all(version and asked.specifier.contains(version, prereleases=True) for version in versions)


def test_every_file_is_known_by_its_hash() -> None:
    pins = locked()
    assert len(pins) > len(SHIPPED)
    for one, hashes in pins:
        assert bound(one, "=="), one
        assert hashes, one
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", digest) for digest in hashes), one


def test_it_names_no_place_to_fetch_from() -> None:
    text = LOCK.read_text("utf-8")
    assert [word for word in ("index", "find-links", "trusted-host", "://", " @ ") if word in text] == []


@pytest.mark.parametrize("line", [str(requirement) for requirement in required(*EXTRAS)])
def test_every_requirement_has_a_lowest_version_and_an_end(line: str) -> None:
    requirement = Requirement(line)
    exact = bound(requirement, "==")
    assert exact or bound(requirement, "<"), "the next major version may break what works"
    # The one that only has an upper bound is a tool of an old plugin.
    assert exact or bound(requirement, ">=") or requirement.name == "setuptools"
