"""Which mongod is started, and the libraries that it needs where the system may not have them."""

import importlib.util
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from everreach.errors import DatabaseError

_ADVICE: Final = "Please set MONGODB_URI to a MongoDB replica set"
# The program of one file is nothing that pip could add to.
_OTHERWISE: Final = (
    "or install mongod"
    if getattr(sys, "frozen", False)
    else "install mongod, or pip install 'everreach-import[embedded]'"
)
# The wheel's mongod was linked on Ubuntu and asks for these. A bare machine has no libcurl, and maybe another OpenSSL.
_LIBRARIES: Final = ("libcurl.so.4", "libssl.so.3", "libcrypto.so.3")
_LIBRARIES_WHEEL: Final = "pycurl"


def find_mongod() -> Path:
    """Return the mongod on the PATH, else that of the `embedded` extra; DatabaseError with advice where is none."""
    if sys.platform != "linux":
        raise DatabaseError(f"The embedded MongoDB runs on Linux only. {_ADVICE}.")
    if on_path := shutil.which("mongod"):
        return Path(on_path).absolute()
    if in_wheel := _mongod_of_the_wheel():
        return in_wheel
    raise DatabaseError(f"No mongod was found. {_ADVICE}, {_OTHERWISE}.")


def environment_of(binary: Path, links: Path) -> dict[str, str] | None:
    """Return the environment in which to start `binary`; None stands for our own.

    The mongod of the `embedded` extra gets the libraries of another wheel of that extra, through links that are made in
    the folder `links`. It is told nothing else: our own environment has secrets that it does not need.
    """
    libraries = _libraries_of_the_wheel() if binary == _mongod_of_the_wheel() else {}
    if not libraries:
        return None
    links.mkdir(mode=0o700, exist_ok=True)
    for name, library in libraries.items():
        # Made anew at each start, for the wheel may be another by now.
        (links / name).unlink(missing_ok=True)
        (links / name).symlink_to(library)
    # What the libraries need in turn lies beside them.
    return {"LD_LIBRARY_PATH": f"{links}:{libraries[_LIBRARIES[0]].parent}"}


def _mongod_of_the_wheel() -> Path | None:
    # The wheel is found without importing it: its package is for starting other things.
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec and spec.submodule_search_locations) or ():
        if os.access(binary := Path(folder, "db", "bin", "mongod"), os.X_OK):
            return binary
    return None


def _libraries_of_the_wheel() -> dict[str, Path]:
    """Return the wheel's libraries by the names that mongod knows; none where one is missing, and the system's serve.

    A wheel's libraries have a digest in their names (https://github.com/pypa/auditwheel): libcurl-330bcbb6.so.4.8.0.
    They come all together, for two builds of OpenSSL must not meet in one process.
    """
    try:
        wheel = distribution(_LIBRARIES_WHEEL)
    except PackageNotFoundError:
        return {}
    files = [file for file in wheel.files or () if file.parent.name == f"{_LIBRARIES_WHEEL}.libs"]
    found = {
        wanted: Path(str(wheel.locate_file(file))).absolute()
        for wanted in _LIBRARIES
        for file in files
        if file.match("{}-*.{}*".format(*wanted.split(".", 1)))
    }
    return found if len(found) == len(_LIBRARIES) else {}
