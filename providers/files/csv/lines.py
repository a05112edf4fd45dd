"""Lines of a file: their texts, and where each ends in the file."""

from itertools import accumulate


class Lines:
    """The lines of `data`, whose first byte stands at `offset` of the file.

    `texts` are in order, `ends` where each ends in `data`, `offsets` where each ends in the file; both begin with the
    start of the first. `zeros` says that there are zero characters. `wide` is the file's own codec, where `data` was
    turned from it into UTF-8.
    """

    def __init__(self, data: bytes, codec: str, offset: int, wide: str | None) -> None:
        lines = data.splitlines(keepends=True)
        self.texts = [str(line, codec, "replace") for line in lines]
        self.zeros = b"\0" in data
        self.ends = list(accumulate(map(len, lines), initial=0))
        self.offsets = (
            list(accumulate((width(line, wide) for line in lines), initial=offset))
            if wide
            else [offset + end for end in self.ends]
        )


def text_of(data: bytes, codec: str) -> str:
    """The text without zero characters. What cannot be decoded is a replacement character each."""
    return without_zeros(str(data, codec, "replace"))


def without_zeros(text: str) -> str:
    """The text without zero characters, which mean nothing anywhere."""
    return text.replace("\0", "") if "\0" in text else text


def width(data: bytes, wide: str | None) -> int:
    """How many bytes of the file `data` is; see Lines."""
    if wide is None:
        return len(data)
    return 2 * len(data) if data.isascii() else len(data.decode().encode(wide))


def last_line_end(data: bytes, start: int, stop: int) -> int:
    """Where the last line before `stop` ends, of which the end is certain; `start` where there is none."""
    return max(data.rfind(b"\n", start, stop), data.rfind(b"\r", start, stop - 1), start - 1) + 1
