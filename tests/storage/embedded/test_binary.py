"""Which mongod is started, and where the one that pip brought has its libraries from."""

import importlib.metadata
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from everreach.errors import DatabaseError
from storage.embedded.binary import environment_of, find_mongod

LIBRARIES = {"libcurl.so.4": "libcurl-", "libssl.so.3": "libssl-", "libcrypto.so.3": "libcrypto-"}


@pytest.fixture
def wheels_mongod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return find_mongod()


def test_the_path_comes_before_the_wheel(tmp_path: Path, wheels_mongod: Path) -> None:
    assert wheels_mongod.parts[-4:] == ("fiftyone", "db", "bin", "mongod")
    own = tmp_path / "mongod"
    own.touch(mode=0o755)
    assert find_mongod() == own


def test_other_systems_get_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(DatabaseError, match=r"Linux only\. Please set MONGODB_URI"):
        find_mongod()


def test_it_is_told_nothing_but_where_they_are(
    tmp_path: Path, wheels_mongod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own environment has the secrets of the service."""
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", "secret")
    links = tmp_path / "lib"
    environment = environment_of(wheels_mongod, links)
    assert environment
    assert set(environment) == {"LD_LIBRARY_PATH"}
    first, second = map(Path, environment["LD_LIBRARY_PATH"].split(":"))
    assert first == links
    assert {link.name: link.readlink().name.partition("-")[0] + "-" for link in links.iterdir()} == LIBRARIES
    assert {link.readlink().parent for link in links.iterdir()} == {second}


def test_links_that_lead_nowhere_are_made_anew(tmp_path: Path, wheels_mongod: Path) -> None:
    """The folder of the data outlives an installation."""
    (link := tmp_path / "libcurl.so.4").symlink_to(tmp_path / "gone")
    environment_of(wheels_mongod, tmp_path)
    assert link.exists()


def test_a_mongod_on_the_path_has_our_own_environment(tmp_path: Path, wheels_mongod: Path) -> None:
    own = tmp_path / "mongod"
    own.symlink_to(wheels_mongod)
    assert environment_of(own, tmp_path / "lib") is None
    assert not (tmp_path / "lib").exists()


def test_without_that_wheel_the_systems_libraries_serve(
    tmp_path: Path, wheels_mongod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be missing, or be the system's own build, which brings no libraries."""

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    for other in (missing, lambda _: importlib.metadata.distribution("pytest")):
        monkeypatch.setattr("storage.embedded.binary.distribution", other)
        assert environment_of(wheels_mongod, tmp_path / "lib") is None
    assert not (tmp_path / "lib").exists()
