"""Where the process's memory comes from: one heap of the C library for all threads."""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
"""As malloc.h has it: https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html."""


def share() -> None:
    """Have all threads take memory from one heap. To be said before there are threads.

    The driver's threads make and read the pages of an import in turn, a megabyte at a time. If each had a heap of its
    own, what one has given back would be of no use to the next, and the process would grow for hours. They hold the
    interpreter's lock while they ask for memory, so that nobody waits for another.
    """
    # Only the GNU library has more than one.
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_M_ARENA_MAX, 1)
