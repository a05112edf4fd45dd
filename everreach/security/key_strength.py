"""Which keys and secrets protect anything: not those of examples, not phrases, not patterns."""

import base64
import secrets
import zlib
from itertools import pairwise
from typing import Final

KEY_BYTES: Final = 32
"""Of a key for AES-256."""

_FEWEST_DISTINCT: Final = (
    17  # Of 32 random bytes about 30 are distinct; so few are one chance in three thousand million.
)

WELL_KNOWN_SECRETS: Final = frozenset(
    {
        "super-secret-jwt-token-with-at-least-32-characters-long",  # Supabase's local stack.
        "your-super-secret-jwt-token-with-at-least-32-characters-long",  # Its self-hosting.
        "your-super-secret-and-long-postgres-password",
        "your-encryption-key-32-chars-min",
        "UpNVntn3cDxHJpq99YMc1T1AQgQpc8kfYTuRgBiYa15BLrx8etQoXz3gZv1/u2oq",
        "reallyreallyreallyreallyverysafe",  # PostgREST's documentation.
        "a-string-secret-at-least-256-bits-long",  # The page on which people try tokens out.
    }
)
"""Secrets that stand in public examples: whoever reads those makes tokens that we would take."""

EXAMPLE_KEY: Final = "VNzvu0e6Rmz2V8WihQOazaijwgJSXDpilSCPxG9X8qw="
"""The one that docs/operating-commands.md shows. Whoever can read the documentation has it."""


def is_pattern(secret: str) -> bool:
    """Whether a secret is mostly one text again and again, or mostly counted."""
    text = secret.encode()
    # With fixed codes only what repeats becomes shorter; a random secret of few different characters does not.
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FIXED)
    packed = len(packer.compress(text) + packer.flush())
    counted = sum(abs(after - before) <= 1 for before, after in pairwise(text))
    return packed < len(text) * 0.6 or counted > len(text) * 0.6


def new_key() -> str:
    """A fresh key for TOKEN_ENCRYPTION_KEYS: 32 bytes of the system's own randomness, in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def looks_random(key: str) -> bool:
    """Whether a key is none of those that people make up: examples, phrases, counted or repeated bytes."""
    raw = base64.b64decode(key)
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    typed = key in {EXAMPLE_KEY, key.lower(), key.upper()}
    return not typed and not _is_text(raw) and len(steps) > 1 and len(set(raw)) >= _FEWEST_DISTINCT


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
