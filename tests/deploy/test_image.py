"""The image: the program and nothing else, as nobody, on a root that it cannot write to, as process number 1."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import ROOT
from tests.deploy.shipped import AS_NOBODY, NOBODY, Shipped, children, end, running, status
from tests.everreach.test_main import SCARY

IMAGE = "everreach-import:latest"
# What an engine does with --read-only, as far as this needs no engine.
AS_FIRST = (
    *("/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c"),
    f'/bin/mount --bind "$0" "$0" && /bin/mount -o remount,bind,ro "$0" && exec {" ".join(AS_NOBODY)} "$0" "$@"',
)

buildah = partial(subprocess.run, check=True, capture_output=True, text=True)


class Container:
    """A container of the image: its files, its settings, and its command line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Path(buildah(["buildah", "mount", name]).stdout.strip())
        inspected = json.loads(buildah(["buildah", "inspect", "--type", "image", IMAGE]).stdout)
        self.config: dict[str, Any] = inspected["Docker"]["config"]
        self.command = [*self.config["Entrypoint"], *self.config["Cmd"]]

    def run(self, command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """A command in the container, as an engine would run it."""
        settings = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        line = ["buildah", "run", *settings, self.name, "--", *command]
        return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def container(program: Path, root_user: None) -> Iterator[Container]:
    """Of the image that `make image` builds from the program."""
    if not shutil.which("buildah"):
        pytest.skip("the image is built and run by buildah (Debian: apt install buildah)")
    subprocess.run(["make", "--old-file", "dist/everreach", "image"], cwd=ROOT, check=True, capture_output=True)
    name = buildah(["buildah", "from", IMAGE]).stdout.strip()
    yield Container(name)
    buildah(["buildah", "rm", name])


def test_it_says_how_it_is_to_be_run(container: Container) -> None:
    config = container.config
    assert container.command == ["/opt/everreach/everreach", "serve"]
    assert config["User"] == f"{NOBODY}:{NOBODY}"
    assert set(config["ExposedPorts"]) == {"8080/tcp"}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.title"] == "EverReach Import"
    assert config["Labels"]["org.opencontainers.image.version"] == "0.1.0"


def test_there_is_one_program_and_no_shell_and_no_python(container: Container) -> None:
    files = [path for path in container.root.rglob("*") if path.is_file() and not path.is_symlink()]
    programs = {path for path in files if os.access(path, os.X_OK) and ".so" not in path.name}
    assert programs == {container.root / "opt/everreach/everreach"}
    assert not [path for path in files if path.suffix == ".py"]
    for shell in ("/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/python3"):
        assert container.run([shell], {}).returncode != 0


def test_nobody_can_write_anywhere_but_to_tmp_and_nothing_gives_rights(container: Container) -> None:
    paths = [path for path in container.root.rglob("*") if not path.is_symlink()]
    assert {path for path in paths if path.stat().st_mode & stat.S_IWOTH} == {container.root / "tmp"}
    assert not [path for path in paths if path.is_file() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)]
    assert {path.stat().st_uid for path in paths} == {0}


@pytest.mark.gen_test(timeout=60)
async def test_the_first_process_of_a_read_only_root_imports_and_ends_cleanly(
    container: Container, shipped: Shipped, tmp_path: Path
) -> None:
    with running(shipped, (*AS_FIRST, str(container.root), *container.command), tmp_path) as outside:
        (first,) = children(outside.pid)
        assert f"NSpid:\t{first}\t1" in status(first)
        assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}" in status(first)
        await shipped.imported("google")
        await shipped.imported("microsoft")
        assert children(first) == []
        assert end(outside, first) == 0
    assert not [word for word in SCARY if word in shipped.log], shipped.log


@pytest.mark.gen_test(timeout=60)
async def test_workers_end_with_the_first_process_too(container: Container, shipped: Shipped, tmp_path: Path) -> None:
    command = (*container.command, "--workers", "2")
    with running(shipped, (*AS_FIRST, str(container.root), *command), tmp_path) as outside:
        (first,) = children(outside.pid)
        assert len(children(first)) == 2
        assert end(outside, first) == 0


@pytest.mark.gen_test(timeout=60)
async def test_the_health_check_tells_whether_it_answers(
    container: Container, shipped: Shipped, program: Path, tmp_path: Path
) -> None:
    (kind, *command) = container.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert container.run(command, shipped.environment).returncode != 0
    with running(shipped, (str(program), "serve"), tmp_path) as server:
        checked = container.run(command, shipped.environment)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        assert end(server) == 0
