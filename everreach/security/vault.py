"""Seals what may not rest in the clear: provider tokens and PKCE verifiers. The only importer of `cryptography`.

A sealed value is the text `v1.<key id>.<base64url of nonce, ciphertext and tag>`, AES-256-GCM with a fresh nonce for
each. It is bound to its job, its person and its field: copied into another document it does not open.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from everreach.errors import VaultError

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 random bits serve one key for 2^32 values: section 8.3 of https://doi.org/10.6028/NIST.SP.800-38D."""

_VERSION = "v1"


class Vault:
    """Seals and opens short texts with a ring of keys of 32 bytes: the first seals, every one of them opens.

    To rotate, put a new key in front; to retire an old one, take it out once nothing sealed by it is left.
    Raises ValueError for an empty ring or a key of another length.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a vault needs at least one key, and each of {KEY_BYTES} bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._ciphers)})"

    def seal(self, plaintext: str, *, job_id: str, user_id: str, field: str) -> str:
        """The sealed text; a different one each time, even for the same plaintext."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        place = _place(self._current, job_id, user_id, field)
        ciphertext = self._ciphers[self._current].encrypt(nonce, _bytes(plaintext), place)
        return f"{_VERSION}.{self._current}.{_encode(nonce + ciphertext)}"

    def open(self, sealed: str, *, job_id: str, user_id: str, field: str) -> str:
        """The plaintext that was sealed for this very place. Raises VaultError for anything else."""
        key_id, box = _parse(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None or len(box) <= NONCE_BYTES:
            raise VaultError
        try:
            plain = cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _place(key_id, job_id, user_id, field))
        except InvalidTag:
            raise VaultError from None
        return plain.decode("utf-8", "surrogatepass")

    def key_id(self, sealed: str) -> str:
        """Eight hexadecimal digits that name the key a value was sealed by. Raises VaultError for any other text."""
        return _parse(sealed)[0]

    def is_current(self, sealed: str) -> bool:
        """Whether the key that seals today sealed this; otherwise sealing it again moves it on. Raises VaultError."""
        return self.key_id(sealed) == self._current


def _key_id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]


def _place(*parts: str) -> bytes:
    # Each part follows its own length, so that no two lists of parts give the same bytes.
    return b"".join(len(part).to_bytes(4, "big") + part for part in map(_bytes, (_VERSION, *parts)))


def _bytes(text: str) -> bytes:
    # A provider's JSON can hold half a surrogate pair; it has to come back as it was.
    return text.encode("utf-8", "surrogatepass")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parse(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, _, text = rest.partition(".")
    try:
        box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise VaultError from None
    # The decoder skips foreign characters and spare bits; only the one text that we would write ourselves is genuine.
    if version != _VERSION or not key_id or _encode(box) != text:
        raise VaultError
    return key_id, box
