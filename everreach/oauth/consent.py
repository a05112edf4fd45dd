"""The consent flow: a person is asked at the provider, and comes back with an answer that serves once.

What an answer sets off is owned here and not by the request that brought it, so that the person is sent on in time
whatever the token endpoint does.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from everreach.errors import CallbackError
from everreach.jobs.job import Status
from everreach.jobs.options import DEFAULTS, Options
from everreach.oauth.exchange import NOT_CONNECTED, RUNS, Exchange
from everreach.oauth.owned_tasks import OwnedTasks
from everreach.security.oauth_state import State, StateMaker, challenge, new_verifier
from everreach.security.vault import Vault
from providers.oauth import OAuthFlow
from storage.jobs import JobStore

PATIENCE_SECONDS: Final = 8.0
"""How long a person waits for the token endpoint."""

ANSWER_SECONDS: Final = 9.5
"""How long a person waits in all: browsers open no other app long after a tap."""

_LOOK_SECONDS: Final = 0.2
_CODE_LIMIT: Final = 4096
_DENIALS: Final = frozenset({"access_denied", "consent_required"})


class Answer(NamedTuple):
    """What a browser brings back from the consent page, each as it came."""

    code: str | None
    error: str | None
    issuer: str | None


class Consents:
    """Asks for consents and takes the answers. A state lives for `ttl_seconds`."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        flows: Mapping[str, OAuthFlow],
        vault: Vault,
        states: StateMaker,
        exchange: Exchange,
        tasks: OwnedTasks,
        ttl_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._flows = flows
        self._vault = vault
        self._states = states
        self._exchange = exchange
        self._tasks = tasks
        self._ttl = ttl_seconds
        self._taking: dict[tuple[str, State, Answer], asyncio.Task[None]] = {}

    async def begin(
        self, job_id: str, user_id: str, flow: OAuthFlow, web_app: str | None, options: Options = DEFAULTS
    ) -> str:
        """Make a job that waits for consent. Returns the consent page's address."""
        state, verifier, url = self._question(job_id, user_id, flow, web_app)
        await self._jobs.create(state, flow.name, verifier, self._ttl, options)
        return url

    async def ask_again(self, job_id: str, user_id: str, flow: OAuthFlow, web_app: str | None) -> str | None:
        """Let a failed job without tokens wait for a new consent. Returns its page, None where there is no such job."""
        state, verifier, url = self._question(job_id, user_id, flow, web_app)
        return url if await self._jobs.reauthorize(state, verifier, self._ttl) else None

    async def finish(self, name: str, state: State, answer: Answer) -> None:
        """Take an answer with a checked state; when this returns, within ANSWER_SECONDS, the import is under way.

        Raises CallbackError with the word for the app; DatabaseError. The same answer that comes again meanwhile shares
        its outcome.
        """
        flow = self._flow(name, answer)
        key = (name, state, answer)
        taking = self._taking.get(key)
        if taking is None:
            taking = self._taking[key] = self._tasks.start(self._take(flow, state, answer), "consent")
            taking.add_done_callback(lambda _: self._taking.pop(key))
        await asyncio.wait({taking}, timeout=ANSWER_SECONDS)
        if not taking.done():
            raise CallbackError("server_error")
        try:
            taking.result()
        finally:
            del taking  # See Turn.during.

    def _question(self, job_id: str, user_id: str, flow: OAuthFlow, web_app: str | None) -> tuple[State, str, str]:
        """The state, the sealed PKCE verifier, and the consent page's address."""
        verifier = new_verifier()
        text, state = self._states.make(job_id, user_id, web_app)
        kept = self._vault.seal(verifier, job_id=job_id, user_id=user_id, field="pkce_verifier")
        return state, kept, flow.authorization_url(text, challenge(verifier))

    def _flow(self, name: str, answer: Answer) -> OAuthFlow:
        flow = self._flows.get(name)
        if flow is None or not flow.configured:
            raise CallbackError("invalid_provider")
        if answer.issuer is not None and not flow.is_issuer(answer.issuer):
            raise CallbackError("invalid_issuer")
        return flow

    async def _take(self, flow: OAuthFlow, state: State, answer: Answer) -> None:
        """Three gates: a no, an answer without a code, a state that does not serve. Then the exchange."""
        until = _now() + PATIENCE_SECONDS
        if answer.error in _DENIALS:
            if await self._jobs.deny(state, flow.name):
                raise CallbackError("access_denied")
            return await self._repeat(flow, state, "invalid_state")
        if answer.error is None and not (answer.code and len(answer.code) <= _CODE_LIMIT):
            return await self._repeat(flow, state, "missing_code")
        job = await self._jobs.spend(state, flow.name)
        if job is None:
            return await self._repeat(flow, state, "invalid_state")
        if answer.error is not None or answer.code is None:
            await self._jobs.refuse(job, NOT_CONNECTED)
            raise CallbackError("provider_error")
        return await self._exchange.run(flow, job, state, answer.code, until - _now())

    async def _repeat(self, flow: OAuthFlow, state: State, word: str) -> None:
        """Let an answer that does nothing pass where the job runs, or ran, by its very state. Raises CallbackError.

        The exchange may be under way on another node; its outcome is waited for.
        """
        until = _now() + PATIENCE_SECONDS
        job = await self._jobs.consented(state, flow.name)
        while job and job.status is Status.AUTHENTICATING and _now() < until:
            await asyncio.sleep(_LOOK_SECONDS)
            job = await self._jobs.consented(state, flow.name)
        if job and job.status in RUNS:
            return
        late = await self._jobs.expired(state, flow.name)
        raise CallbackError("expired_state" if late else word)


def _now() -> float:
    return asyncio.get_running_loop().time()
