"""Callback: a browser brings the answer of the consent page. Whatever arrives, it is sent on to where it came from."""

from collections.abc import Awaitable
from typing import Any, Final
from urllib.parse import urlencode

from tornado.web import Finish

from everreach.errors import CallbackError, PrefetchError
from everreach.oauth import consent
from everreach.observability.logs import about_job
from everreach.security.oauth_state import State, parse_state
from handlers.base import BaseHandler
from handlers.bodies import error_body
from handlers.operation import Answer, Tag, operation
from handlers.parameters import PathPart, Sent
from handlers.services import Services

_LINK: Final = "`everreach://import-callback/{provider}?job_id={id}&status=success`, or an error's word."
_PROVIDER: Final = PathPart("provider", "Who sends the person back.", "google")
_STATE: Final = Sent("state", "What `start` put into the consent page's address.", "eyJqb2JfaWQiOiI0MDQ4")
_CODE: Final = Sent("code", "What the provider gave for the consent.", "4/0AVMBsJj")
_ERROR: Final = Sent("error", "Why there is no consent, in the provider's words.", "access_denied")
_ISSUER: Final = Sent("iss", "Who sends the person back, in the provider's words.", "https://accounts.google.com")
_SPECULATIVE: Final = frozenset({"prefetch", "prerender", "preview"})
"""What browsers call a request of which its person knows nothing."""


class CallbackHandler(BaseHandler):
    """Where a provider sends people back. Held by `state`, not by a token."""

    def initialize(self, services: Services) -> None:
        """No job is told yet, and people are sent to the app."""
        super().initialize(services)
        self._job_id = ""
        self._web_app: str | None = None

    def set_default_headers(self) -> None:
        """The address holds a code, which must not travel on to another site."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")

    def prepare(self) -> Awaitable[None] | None:
        """Turn a browser away that asks beforehand, in case its person should want to: a code serves once."""
        refusal = super().prepare()
        if refusal is None and self._is_speculative():
            self._turn_away(PrefetchError())
            raise Finish
        return refusal

    @operation(
        "callback",
        Tag.CONSENT,
        anyone=True,
        takes=(_PROVIDER, _STATE, _CODE, _ERROR, _ISSUER),
        answers=(Answer(302, "To the app, whatever arrives.", headers={"Location": _LINK}),),
        errors=(PrefetchError,),
        whatever_comes=True,
    )
    async def get(self, name: str, state: str | None, code: str | None, error: str | None, iss: str | None) -> None:
        """Where a provider sends people back

        For browsers, held by `state` and not by a token. Whatever arrives, the answer comes within ten seconds and is a
        redirect to the app: `everreach://import-callback/{provider}?job_id={id}&status=success` once the import is on
        its way, else `…&status=error&message={word}`. Who began in a web app of ours (the `Origin` of `start`) is sent
        to `{origin}/settings/imports/{id}?status=…&message=…` instead.

        The words: `access_denied` (the person said no), `contacts_scope_missing` (the person unticked the contacts),
        `expired_state` and `invalid_state` (the consent came too late, twice, or not from us), `invalid_issuer` (it
        came from another provider), `token_exchange_failed`, `provider_error`, `missing_code`, `invalid_provider`,
        `import_ended` (cancelled meanwhile) and `server_error`. Where no job can be told, `job_id` is empty; a provider
        that we do not know is written `unknown`.

        A browser may come again: with the state by which the job runs or has completed, it is sent to `success` and
        nothing more is done. One that only asks beforehand (`Sec-Purpose: prefetch`) spends nothing and gets 503;
        `HEAD` spends nothing either, and is answered with `nothing_done`.
        """
        if self.request.method == "HEAD":
            self._send_on(name, "nothing_done")
            return
        try:
            known = self._recognized(state)
            # What came twice is none of the parameters, but two issuers are not no issuer.
            issuer = iss if iss is not None or "iss" not in self.request.arguments else ""
            await self.services.consents.finish(name, known, consent.Answer(code, error, issuer))
        except CallbackError as failure:
            self._send_on(name, failure.code)
        else:
            self._send_on(name)

    # Some set-ups of a provider send the answer as a form; link scanners look with HEAD.
    post = head = get

    def options(self, *_: str) -> None:
        """Nobody preflights a link: this is one more way to come here by mistake."""
        self._send_on(self._name(), "invalid_state")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Even what nobody foresaw, or what was refused before it got here, ends in the app."""
        self._send_on(self._name(), "server_error")

    def _recognized(self, text: str | None) -> State:
        """The state, if it is one of ours. From here on the job can be told, and where its person came from."""
        state = parse_state(text or "")
        self._job_id = state.job_id
        about_job(state.job_id)
        self.services.states.check(state)
        self._web_app = self.services.states.web_app(state, self.services.config.next_public_frontend_url)
        return state

    def _is_speculative(self) -> bool:
        """Whether the browser says so: https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header."""
        said = ",".join(self.request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose"))
        return not _SPECULATIVE.isdisjoint(word.strip() for word in said.lower().replace(";", ",").split(","))

    def _turn_away(self, error: PrefetchError) -> None:
        self.set_status(error.status)
        for name, value in error.headers.items():
            self.set_header(name, value)
        self.write_json(error_body(error))

    def _name(self) -> str:
        """The provider's name as it stands in the path; Tornado may not have looked at that yet."""
        return self.request.path.split("/")[-2]

    def _send_on(self, name: str, code: str | None = None) -> None:
        self.unsolicited = code is not None
        outcome = {"status": "error", "message": code} if code else {"status": "success"}
        if self._web_app:
            address = f"{self._web_app}/settings/imports/{self._job_id}?{urlencode(outcome)}"
        else:
            known = name if name in self.services.flows else "unknown"
            address = f"everreach://import-callback/{known}?{urlencode({'job_id': self._job_id, **outcome})}"
        # Tornado's own way ends the answer here; to one whose body was refused it is ended a moment later.
        self.set_status(302)
        self.set_header("Location", address)
