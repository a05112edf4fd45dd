"""The app and the person of the demo: the app calls our API, the person consents in a browser or chooses a file."""

from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from everreach.errors import EverReachError
from everreach.net.http import Http, Reply

_PAGE = 100


class DemoClient:
    """Speaks to the API at `base` with the token of one person, whose id is `user`."""

    def __init__(self, http: Http, base: str, user: str, token: str) -> None:
        self.user = user
        self._http = http
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> dict[str, Any]:
        """A document of the API."""
        return _document(await self._http.get(self._base + path, headers=self._headers))

    async def post(self, path: str) -> dict[str, Any]:
        """What the API answers to a command."""
        return _document(await self._http.post_form(self._base + path, {}, headers=self._headers))

    async def consent(self, provider: str, account: str, contacts: int) -> str:
        """Tap "Import my contacts", say yes, and follow every redirect back to the app. Returns the job's id."""
        started = await self.post(f"/{provider}/start")
        answers = {"decision": "allow", "contacts": "on", "account": account, "size": str(contacts)}
        decided = await self._http.post_form(started["authorization_url"], answers)
        returned = await self._http.get(decided.headers["location"])
        outcome = parse_qs(urlsplit(returned.headers["location"]).query)
        if outcome["status"] != ["success"]:
            raise EverReachError(f"The consent at {provider} came to nothing: {outcome['message'][0]}.")
        return outcome["job_id"][0]

    async def upload(self, filename: str, file: bytes) -> str:
        """Choose a file, and begin its import where nothing has to be asked. Returns the job's id."""
        url = f"{self._base}/uploads?begin=true&filename={filename}"
        uploaded = _document(await self._http.post(url, file, headers=self._headers, read=True))
        return str(uploaded["job_id"])

    async def skip_reasons(self, job_id: str) -> Counter[str]:
        """Why contacts were skipped, and how many for each reason."""
        reasons: Counter[str] = Counter()
        while True:
            path = f"/jobs/{job_id}/contacts?action=skipped&limit={_PAGE}&offset={reasons.total()}"
            page = await self.get(path)
            reasons.update(row["skip_reason"] for row in page["contacts"])
            if not page["contacts"]:
                return reasons


def _document(reply: Reply) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(reply.body)
    if reply.status not in {200, 201}:
        raise EverReachError(f"The server answered {reply.status}: {document['message']}")
    return document
