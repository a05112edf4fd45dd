"""Address books that come as files: their encodings and kinds; CSV and vCard each have a folder of their own."""

from typing import Final

from providers.provider import Provider

CSV: Final = Provider(name="csv", title="CSV file")
VCARD: Final = Provider(name="vcard", title="vCard file")

FILES: Final = (CSV, VCARD)
"""What a file may be: the provider of its job, which begins with an upload."""
