"""The process's memory: however many threads take some, there is one heap."""

import re
import subprocess
import sys

import pytest

# Each thread holds what it took until all have some; then the C library tells of its heaps.
_TAKING = """
import ctypes, sys, threading
from everreach.server import heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def take():
    libc.malloc(ctypes.c_size_t(1000))
    together.wait()

heap.share()
together = threading.Barrier(8)
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the GNU library tells of its heaps")
def test_all_threads_share_one_heap() -> None:
    told = subprocess.run([sys.executable, "-c", _TAKING], check=True, capture_output=True, text=True).stdout
    assert re.findall("<heap nr=", told) == ["<heap nr="]
