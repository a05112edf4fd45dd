"""Lay out the files of the container image: `python deploy/stage_image.py dist/folder dist/image`.

There go the program, what its libraries need of the system (the C library and its loader), the certificates of the
well-known authorities, a user, and an empty /tmp. No shell, no package manager, no Python.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

USER: Final = 65532
"""The number that distroless images gave to "nonroot"; Kubernetes' runAsNonRoot wants a number."""

_PROGRAM: Final = Path("opt/everreach")
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_FILES: Final = {
    "etc/passwd": f"root:x:0:0::/:\neverreach:x:{USER}:{USER}::/tmp:\n",
    "etc/group": f"root:x:0:\neverreach:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# glibc loads them by name when it looks up a host; until 2.34 they were no part of libc itself.
_BY_NAME: Final = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")


def main(folder: Path, root: Path) -> None:
    """Make `root` anew from PyInstaller's `folder`."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(folder, root / _PROGRAM, symlinks=True)
    for library in sorted(system_libraries(folder)):
        copy(library, root)
    copy(_CERTIFICATES, root)
    for name, text in _FILES.items():
        (root / name).write_text(text, "utf-8")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)


def system_libraries(folder: Path) -> set[Path]:
    """What the loader takes from outside the folder for anything in it, and the loader itself."""
    found = {library for file in folder.rglob("*") if is_elf(file) for library in linked(file, folder)}
    homes = {library.parent for library in found if library.name == "libc.so.6"}
    return found | {home / name for home in homes for name in _BY_NAME if (home / name).exists()}


def linked(file: Path, folder: Path) -> Iterator[Path]:
    """The libraries that `file` needs of the system. Raises RuntimeError where one is missing."""
    # The program starts with the system's libraries alone, and then finds its own for the others.
    inside = folder / "_internal"
    environment = {"LD_LIBRARY_PATH": str(inside)} if file.is_relative_to(inside) else {}
    said = subprocess.run(["/usr/bin/ldd", str(file)], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if "not found" in said.stdout:
        raise RuntimeError(f"{file} needs what is not here:\n{said.stdout}")
    for path in re.findall(r"(/\S+) \(0x", said.stdout):
        if not Path(path).is_relative_to(folder):
            yield Path(path)


def is_elf(file: Path) -> bool:
    """Whether the loader may load it."""
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(4) == b"\x7fELF"


def copy(file: Path, root: Path) -> None:
    """To the same path below `root`: the file itself, whatever links lead to it here."""
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    target.chmod(file.stat().st_mode & 0o755)


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
