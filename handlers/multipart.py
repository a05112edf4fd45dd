"""A form with a file in it, read as it comes: what goes on is the file, and nothing of the form is kept."""

from collections.abc import Callable
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from everreach.errors import BadRequestError

FORM: Final = "multipart/form-data"
_BROKEN: Final = "The form cannot be read. Please send one file, as multipart/form-data or as the body itself."
_SEVERAL: Final = "The form holds several files. Please send one at a time."
_NO_FILE: Final = "The form holds no file."


class FileForm:
    """Finds the file in a form by its `filename`; other fields are passed over."""

    def __init__(self, content_type: str) -> None:
        """Raises BadRequestError for a form that does not say where its parts end."""
        self.filename: str | None = None
        self._found: list[bytes] = []
        self._header = (bytearray(), bytearray())
        self._inside = self._whole = False
        steps: dict[str, Callable[..., None]] = {
            "on_header_field": self._name,
            "on_header_value": self._value,
            "on_header_end": self._header_over,
            "on_part_data": self._data,
            "on_part_end": self._part_over,
            "on_end": self._over,
        }
        try:
            boundary = parse_options_header(content_type)[1][b"boundary"]
            self._parser = MultipartParser(boundary, steps)  # type: ignore[arg-type]
        except (KeyError, FormParserError):
            raise BadRequestError(_BROKEN) from None

    def feed(self, received: bytes) -> list[bytes]:
        """What the next bytes hold of the file. Raises BadRequestError."""
        try:
            self._parser.write(received)
        except FormParserError:
            raise BadRequestError(_BROKEN) from None
        found, self._found = self._found, []
        return found

    def finish(self) -> None:
        """Nothing more comes. Raises BadRequestError where the form is not whole, or has no file."""
        if not self._whole:
            raise BadRequestError(_BROKEN)
        if self.filename is None:
            raise BadRequestError(_NO_FILE)

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_over(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = (bytearray(), bytearray())
        if (
            name.lower() == b"content-disposition"
            and (file := parse_options_header(value)[1].get(b"filename")) is not None
        ):
            if self.filename is not None:
                raise BadRequestError(_SEVERAL)
            self.filename, self._inside = file.decode("utf-8", "replace"), True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._found.append(data[start:end])

    def _part_over(self) -> None:
        self._inside = False

    def _over(self) -> None:
        self._whole = True
