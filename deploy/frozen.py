"""What the frozen program does before its first line: it makes peace with a machine that it was not built on.

PyInstaller runs this file as a hook, https://pyinstaller.org/en/stable/when-things-go-wrong.html#changing-runtime-behavior.
"""

import ctypes
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Final

_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
)
_PR_SET_PDEATHSIG: Final = 1
_UNPACKED: Final = Path(sys._MEIPASS)  # type: ignore[attr-defined]


def trust_this_machine() -> None:
    """Name the system's certificates: OpenSSL looks where the machine that built it has them."""
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and "SSL_CERT_DIR" not in os.environ:
        for bundle in [bundle for bundle in _BUNDLES if Path(bundle).is_file()][:1]:
            os.environ["SSL_CERT_FILE"] = bundle


def give_children_their_libraries() -> None:
    """A mongod on the PATH has to find the system's libraries and not ours."""
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before:
        os.environ["LD_LIBRARY_PATH"] = before


def end_with_the_parent() -> None:
    """End cleanly where the parent is killed: one file is two processes, one unpacks and the other is ours."""
    if _UNPACKED.parent == Path(sys.executable).parent:
        return  # The folder's program is one process, whose parent is none of ours.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


trust_this_machine()
give_children_their_libraries()
end_with_the_parent()
