"""What the text of a setting may be, and the advice for what it may not."""

import base64
import binascii
import re
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from limits import parse as parse_rate
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from everreach.contacts.regions import region
from everreach.net.origins import serialized
from everreach.security.key_strength import KEY_BYTES, WELL_KNOWN_SECRETS, is_pattern, looks_random

MINIMUM_SECRET_LENGTH = 32
"""Characters of SUPABASE_JWT_SECRET: HS256 asks for a key as long as its hash, https://www.rfc-editor.org/rfc/rfc7518#section-3.2."""

KEY_ADVICE: Final = "make one with: everreach keys new"

DURATION_ADVICE: Final = "give a time such as 90d, 24h or 30m, or off"
_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([dhm])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}

_SECRET_ADVICE: Final = (
    "take the JWT secret of your own project; a self-hosted one gets it from: openssl rand -base64 48"
)
_NOT_A_SECRET: Final = re.compile(r"sb_(secret|publishable)_|eyJ[^.]*\.[^.]*\.")

_KEY_SHAPE = f"each key is 32 random bytes in base64; {KEY_ADVICE}"

WEBHOOK_SECRET_BYTES = range(24, 65)
"""Of WEBHOOK_SECRETS, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""

_WEBHOOK_URL_ADVICE = "each is a whole URL such as https://api.example.com/webhooks, with https and without credentials"
_WEBHOOK_SECRET_ADVICE = (
    "each is whsec_ and 24 to 64 random bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)"
)


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or (parts.port is None and parts.netloc[-1] == ":"):
        raise ValueError("give a whole URL such as https://api.example.com")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("give a URL without credentials, query and fragment")
    return value


def _without_last_slash(value: str) -> str:
    return value.rstrip("/")


def _web_origin(value: str) -> str:
    written = serialized(_http_url(value))
    if written is None:
        raise ValueError("each is an origin such as https://app.example.com: no wildcard, and ASCII (xn--…) only")
    return written


def _without_repetition(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _mongodb_uri(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("give a MongoDB address such as mongodb://host:27017/everreach?replicaSet=rs0")
    return value


def _jwt_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MINIMUM_SECRET_LENGTH:
        raise ValueError(f"it has to be the project's JWT secret, of at least {MINIMUM_SECRET_LENGTH} characters")
    if _NOT_A_SECRET.match(value.get_secret_value()):
        raise ValueError(f"this is an API key and not the secret that signs tokens; {_SECRET_ADVICE}")
    if value.get_secret_value().casefold() in map(str.casefold, WELL_KNOWN_SECRETS):
        raise ValueError(
            f"this one stands in public examples, so that anybody could sign in as anybody; {_SECRET_ADVICE}"
        )
    if is_pattern(value.get_secret_value()):
        raise ValueError(f"this is a pattern, which can be guessed; {_SECRET_ADVICE}")
    return value


def parse_duration(text: str) -> timedelta | None:
    """The time that is meant; None for `off`. Raises ValueError for what is no time."""
    if text == "off":
        return None
    if not (found := _DURATION.fullmatch(text)):
        raise ValueError(DURATION_ADVICE)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _duration(value: str) -> str:
    parse_duration(value)
    return value


def _issuer(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("each is what tokens have as iss, such as https://ref.supabase.co/auth/v1")
    return value


def _rate(value: str) -> str:
    try:
        parse_rate(value)
    except ValueError:
        raise ValueError("give a rate such as 5/hour or 60/minute") from None
    return value


def _parts(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _encryption_keys(value: object) -> object:
    keys = _parts(value)
    if not keys:
        raise ValueError(_KEY_SHAPE)
    return keys


def _encryption_key(value: SecretStr) -> SecretStr:
    try:
        length = len(base64.b64decode(value.get_secret_value(), validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(_KEY_SHAPE) from None
    if length != KEY_BYTES:
        raise ValueError(_KEY_SHAPE)
    return value


def _webhook_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        parts = urlsplit(text)
        sound = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc or "#" in text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(_WEBHOOK_URL_ADVICE)
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    prefix, _, key = value.get_secret_value().partition("_")
    try:
        length = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(_WEBHOOK_SECRET_ADVICE) from None
    if prefix != "whsec" or length not in WEBHOOK_SECRET_BYTES:
        raise ValueError(_WEBHOOK_SECRET_ADVICE)
    return value


def _all_different(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len(set(values)) < len(values):
        raise ValueError("name each only once")
    return values


def _sealing_first(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    # The others only open: whoever began with a poor key has to be able to move away from it.
    if not looks_random(keys[0].get_secret_value()):
        raise ValueError(f"the first key is an example, a phrase or a pattern and protects nothing; {KEY_ADVICE}")
    return keys


Endpoint = Annotated[str, AfterValidator(_http_url)]
"""The whole address of one thing, letter for letter: to some servers a slash at the end makes a difference."""
Url = Annotated[Endpoint, AfterValidator(_without_last_slash)]
"""An address to which paths are added."""
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_web_origin)], ...],
    NoDecode,
    BeforeValidator(_parts),
    AfterValidator(_without_repetition),
]
"""Origins as browsers write them, whatever path or capital letters they were given with."""
Region = Annotated[str, AfterValidator(region)]
"""A country by its two letters, in capital ones."""
Rate = Annotated[str, AfterValidator(_rate)]
Duration = Annotated[str, AfterValidator(_duration)]
"""A time such as `90d`, `24h` or `30m`, or `off`; parse_duration() tells which."""
Issuers = Annotated[tuple[Annotated[str, AfterValidator(_issuer)], ...], NoDecode, BeforeValidator(_parts)]
EncryptionKey = Annotated[SecretStr, AfterValidator(_encryption_key)]
MongoUri = Annotated[SecretStr, AfterValidator(_mongodb_uri)]
JwtSecret = Annotated[SecretStr, AfterValidator(_jwt_secret)]
EncryptionKeys = Annotated[
    tuple[EncryptionKey, ...], NoDecode, BeforeValidator(_encryption_keys), AfterValidator(_sealing_first)
]
WebhookUrls = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_webhook_url)], ...],
    NoDecode,
    BeforeValidator(_parts),
    AfterValidator(_all_different),
]
WebhookSecrets = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_webhook_secret)], ...],
    NoDecode,
    BeforeValidator(_parts),
    AfterValidator(_all_different),
]
