"""What the vault promises: a sealed value opens in its own place, with its own key, and nowhere else."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import VaultError
from everreach.security.vault import Vault

OLD, NEW = b"o" * 32, b"n" * 32
JOB, USER = "5d7b2f6e-9f0a-4c58-8a55-0d1f2a3b4c5d", "3f1d3a4e-0c1c-4c5a-9a39-0d3f3f3f3f3f"
OTHER = "00000000-0000-4000-8000-000000000000"
VAULT = Vault([NEW, OLD])


def seal(text: str, vault: Vault = VAULT) -> str:
    return vault.seal(text, job_id=JOB, user_id=USER, field="access_token")


def unseal(sealed: str, vault: Vault = VAULT) -> str:
    return vault.open(sealed, job_id=JOB, user_id=USER, field="access_token")


@given(st.text(st.characters()))
def test_whatever_was_sealed_opens_as_it_was(text: str) -> None:
    assert unseal(seal(text)) == text


def test_half_a_surrogate_pair_opens_as_it_was() -> None:
    assert unseal(seal("\ud83d")) == "\ud83d"


def test_no_value_is_sealed_the_same_twice() -> None:
    assert len({seal("token") for _ in range(50)}) == 50


def test_the_sealed_text_names_its_version_and_key_and_hides_the_rest() -> None:
    version, key_id, box = seal("ya29.secret").split(".")
    assert (version, len(key_id)) == ("v1", 8)
    assert b"secret" not in base64.urlsafe_b64decode(box + "==")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({"job_id": OTHER, "user_id": USER, "field": "access_token"}, id="another job"),
        pytest.param({"job_id": JOB, "user_id": OTHER, "field": "access_token"}, id="another person"),
        pytest.param({"job_id": JOB, "user_id": USER, "field": "refresh_token"}, id="another field"),
        pytest.param({"job_id": JOB + USER[:1], "user_id": USER[1:], "field": "access_token"}, id="a shifted boundary"),
    ],
)
def test_a_value_moved_elsewhere_does_not_open(place: dict[str, str]) -> None:
    sealed = seal("token")
    with pytest.raises(VaultError):
        VAULT.open(sealed, **place)


@given(st.text(max_size=40), st.data())
def test_a_value_with_any_bit_flipped_does_not_open(text: str, data: st.DataObject) -> None:
    sealed = bytearray(seal(text), "ascii")
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VaultError):
        unseal(sealed.decode("latin-1"))


def test_not_one_flipped_bit_of_a_box_opens() -> None:
    head, _, box = seal("token").rpartition(".")
    raw = base64.urlsafe_b64decode(box + "=" * (-len(box) % 4))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            unseal(f"{head}.{base64.urlsafe_b64encode(flipped).rstrip(b'=').decode()}")


@pytest.mark.parametrize("length", range(4))
def test_a_value_has_one_spelling_only(length: int) -> None:
    sealed = seal("x" * length)
    for spelling in (sealed + "=", sealed + "\n", sealed + "!", " " + sealed, sealed + "A", sealed[:-1], sealed + ".x"):
        with pytest.raises(VaultError):
            unseal(spelling)


@given(st.text())
def test_text_that_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(VaultError):
        unseal(text)


@pytest.mark.parametrize("box", ["", "AAAA", "A" * 16, "A" * 20])
def test_a_box_too_short_to_hold_anything_is_refused(box: str) -> None:
    key_id = VAULT.key_id(seal("token"))
    with pytest.raises(VaultError):
        unseal(f"v1.{key_id}.{box}")


def test_the_first_key_seals_and_every_key_opens() -> None:
    old = seal("token", Vault([OLD]))
    assert unseal(old) == "token"
    assert not VAULT.is_current(old)
    assert VAULT.is_current(seal("token"))
    assert VAULT.key_id(old) == Vault([OLD]).key_id(old) != VAULT.key_id(seal("token"))


def test_a_value_whose_key_is_gone_does_not_open() -> None:
    with pytest.raises(VaultError):
        unseal(seal("token"), Vault([OLD]))


def test_a_value_that_names_another_key_of_the_ring_does_not_open() -> None:
    old_id = VAULT.key_id(seal("token", Vault([OLD])))
    with pytest.raises(VaultError):
        unseal(f"v1.{old_id}.{seal('token').split('.')[2]}")


@pytest.mark.parametrize("keys", [[], [b""], [b"k" * 31], [b"k" * 33], [NEW, b"short"]])
def test_a_vault_without_whole_keys_cannot_be_built(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(keys)


def test_neither_the_repr_nor_an_error_shows_a_key_or_a_value() -> None:
    key = secrets.token_bytes(32)
    vault = Vault([key])
    sealed = seal("ya29.secret", vault)
    assert repr(vault) == f"Vault({vault.key_id(sealed)})"
    with pytest.raises(VaultError) as caught:
        unseal(sealed, VAULT)
    assert sealed not in str(caught.value)
    assert key.hex() not in repr(vault)
