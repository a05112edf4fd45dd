"""What clients may say in a body: decoded into these structs, and described by them."""

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from everreach.contacts.regions import region
from everreach.errors import BadRequestError
from everreach.jobs.options import Duplicates, Options, WithoutEmail, offered
from everreach.uploads.first_look import Ways

_LONGEST_REASON: Final = 160

S = TypeVar("S", bound=Struct)

_WITHOUT_EMAIL = Meta(description="What becomes of a contact without an e-mail address.", examples=["skip"])
_DUPLICATES = Meta(description="What becomes of a contact that you have already.", examples=["skip"])
_REGION = Meta(
    description="Where phone numbers without a country are from, ISO 3166.", pattern="^[A-Za-z]{2}$", examples=["GB"]
)
_REVIEW = Meta(description="Whether to look at the contacts before they are imported.", examples=[False])

_MAPPING = Meta(description="What columns hold, by their index.", examples=[{"3": "phone.mobile", "4": "ignore"}])
_ENCODING = Meta(description="An encoding by its name at IANA.", examples=["UTF-8"])
_DELIMITER = Meta(description="The character between two cells.", min_length=1, max_length=1, examples=[";"])
_HEADER_ROW = Meta(ge=1, description="Which row has the headers, from 1; null where none has.", examples=[1])


class Wishes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an import is to be made; for what is left out, or null, the server has its settings."""

    review: Annotated[bool, _REVIEW] | None = None
    without_email: Annotated[WithoutEmail, _WITHOUT_EMAIL] | None = None
    duplicates: Annotated[Duplicates, _DUPLICATES] | None = None
    region: Annotated[str, _REGION] | None = None

    def over(self, defaults: Options) -> Options:
        """The options: what is said here, else the defaults. Raises BadRequestError for what there is not."""
        said = {name: value for name in Wishes.__struct_fields__ if (value := getattr(self, name)) is not None}
        if self.region is not None:
            said["region"] = _region(self.region)
        return offered(msgspec.structs.replace(defaults, **said))


class HowToRead(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a file is read, and its import made; what is left out stays as it was understood."""

    mapping: Annotated[dict[str, str], _MAPPING] | UnsetType = UNSET
    encoding: Annotated[str, _ENCODING] | UnsetType = UNSET
    delimiter: Annotated[str, _DELIMITER] | UnsetType = UNSET
    header_row: Annotated[int, _HEADER_ROW] | UnsetType | None = UNSET

    @property
    def ways(self) -> Ways:
        """How the file is read."""
        return Ways(self.mapping, self.encoding, self.delimiter, self.header_row)


def _region(text: str) -> str:
    try:
        return region(text)
    except ValueError as error:
        raise BadRequestError(f"The region is none: {error}.") from None


def read_body(received: bytes, type_: type[S]) -> S:
    """What the body says; nothing at all says nothing. Raises BadRequestError for another thing than `type_`."""
    try:
        return msgspec.json.decode(received.strip() or b"{}", type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error).replace("`$.", "`")[:_LONGEST_REASON]
        raise BadRequestError(f"The request's body cannot be used: {reason}.") from None
