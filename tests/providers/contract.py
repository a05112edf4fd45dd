"""What every provider keeps. Its test subclasses this and adds constants and recorded replies, and what is its own."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everreach import errors
from everreach.contacts.contact import Contact
from everreach.contacts.page import Entry, Page
from everreach.errors import (
    BrokenListingError,
    ProviderError,
    ReconnectError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnrenderedError,
)
from everreach.net.http import RETRIES
from everreach.net.origins import origin
from providers.account import Account
from providers.api_source import ApiSource
from providers.oauth import Grant, OAuthFlow
from providers.provider import OAuthProvider
from tests.providers.test_lenient_json import JSON, SCALARS
from tests.providers.wire import ORIGIN, Sent, Wire, connected, playing, recorded, refusal, reply

FOREIGN = ("https://evil.example/contacts", "http://{host}/contacts", "https://{host}@evil.example/", "//x")


class ProviderContract:
    """The code flow, the grants, the listing, the refusals and the contacts of one provider.

    Where a request is compared whole the subclass says what it has to be; what is left out holds for every provider.
    """

    kind: ClassVar[OAuthProvider[Any]]
    """Its word in the registry."""
    setup_url: ClassVar[str]
    """Where an operator makes a client."""
    authorize_url: ClassVar[str]
    asks: ClassVar[dict[str, str]]
    """What the consent page is asked beside what every provider's is: `scope`, and whatever is its own."""
    token_url: ClassVar[str]
    revoke_url: ClassVar[str | None] = None
    """None where the provider has no way to end a grant."""
    granted: ClassVar[dict[str, Any]] = {
        "access_token": "the-access",
        "refresh_token": "the-refresh",
        "token_type": "Bearer",
        "expires_in": 3599,
    }
    """What the token endpoint answers to a good code."""
    allowing: ClassVar[tuple[str, ...]]
    """Scopes as the token endpoint names them, with which contacts may be read."""
    refusing: ClassVar[tuple[str, ...]]
    """Scopes with which they may not: what is left when a person unticks the contacts."""

    issuers: ClassVar[tuple[str, ...]] = ()
    """What the provider calls itself where it sends people back."""
    other_issuers: ClassVar[tuple[str, ...]] = ()
    """What is nearly that."""

    account_url: ClassVar[str]
    account_reply: ClassVar[dict[str, Any]]
    account: ClassVar[Account]

    listing_url: ClassVar[str]
    """Where the contacts are, without the query."""
    first: ClassVar[dict[str, Any]]
    """A first page after which more come."""
    last: ClassVar[dict[str, Any]]
    """A page without contacts after which nothing comes."""
    items: ClassVar[str]
    """The name under which the contacts stand in a page."""
    onward: ClassVar[str]
    """The name under which a page says what comes next."""
    links: ClassVar[bool] = False
    """Whether that is a whole address."""
    no_answers: ClassVar[list[object]] = []
    """What it has been seen to answer with status 200 when something was wrong."""
    names_next: ClassVar[bool] = True
    """Whether a page names the next one, and so can name itself."""
    sizes: ClassVar[list[int]] = []
    """The sizes that are asked for one after the other where no page can be had."""
    total: ClassVar[int | None] = None
    """How many contacts the first page says that there are."""
    identified: ClassVar[dict[str, Any]]
    """The least that is a contact: one with an id."""
    known_as: ClassVar[tuple[str, str | None]]
    """The id and the etag of the first page's first contact."""
    contact: ClassVar[Contact]
    """That contact as it is stored."""
    refusals: ClassVar[dict[str, dict[str, Any]]] = {"forbidden": {"status": 403, "error": "ProviderError", "body": ""}}
    """Replies to a page's request with the `error` that each is, and what it `says`."""

    def source(self, wire: Wire) -> ApiSource:
        """The source of its contacts, as the registry makes it."""
        return connected(self.kind.name, wire).source

    def flow(self, wire: Wire, **changes: object) -> OAuthFlow:
        """Its flow, as the registry makes it, with these changes to the settings."""
        return connected(self.kind.name, wire, **changes).flow

    async def page(self, *bodies: object, position: str | None = None) -> Page:
        """The page that the provider makes of these replies, after which come empty ones."""
        return await self.source(self.answering(*bodies)).page("the-token", position)

    def answering(self, *bodies: object) -> Wire:
        return playing(*map(reply, bodies), reply(self.last))

    def listing(self, *contacts: object) -> dict[str, Any]:
        return {**self.last, self.items: contacts}

    async def position(self) -> str:
        """Where the second page is."""
        position = (await self.page(self.first)).next
        assert position
        return position

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each case that the subclass brings."""
        for argument, cases in (("allowed", self.allowing), ("refused", self.refusing), ("case", self.refusals)):
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, list(cases))

    # The code flow.

    def test_it_is_there_by_a_name_that_the_app_can_read(self) -> None:
        assert re.fullmatch(r"[a-z]\w*", self.kind.name)
        assert self.kind.title
        assert self.kind.flow.setup_url == self.setup_url
        assert type(self.flow(playing(reply()))) is self.kind.flow
        assert type(self.source(playing(reply()))) is self.kind.source

    def test_it_cannot_bend_the_flow(self) -> None:
        for name in ("authorization_url", "exchange", "refresh", "revoke"):
            assert getattr(OAuthFlow, name).__final__
            assert name not in vars(self.kind.flow)
        assert "_token" not in vars(self.kind.flow)
        assert "_token_refusal" not in vars(self.kind.flow)

    def test_its_settings_have_a_prefix_of_their_own_and_a_default_each(self) -> None:
        assert all(name.startswith(f"{self.kind.name.upper()}_") for name in self.kind.settings.names())
        assert self.kind.settings.read({"_env_file": None})[1] == []

    @pytest.mark.gen_test
    async def test_taken_out_of_the_settings_it_says_so_and_asks_nobody(self) -> None:
        wire = playing(reply())
        flow = self.flow(wire, **{f"{self.kind.name}_client_secret": None})
        assert not flow.configured
        with pytest.raises(ProviderError, match=f"{self.kind.title} is not configured any more"):
            flow.authorization_url("state", "challenge")
        with pytest.raises(ProviderError, match="not configured"):
            await flow.refresh("old")
        assert wire.sent == []

    def test_the_consent_page_is_asked_with_the_state_and_the_challenge(self) -> None:
        flow = self.flow(playing(reply()))
        assert flow.configured
        url, _, query = flow.authorization_url("the-state", "the-challenge").partition("?")
        assert url == self.authorize_url
        assert {name: value for name, [value] in parse_qs(query, strict_parsing=True).items()} == {
            "client_id": f"{self.kind.name}-id",
            "redirect_uri": f"{ORIGIN}/api/v1/contacts/import/{self.kind.name}/callback",
            "response_type": "code",
            "state": "the-state",
            "code_challenge": "the-challenge",
            "code_challenge_method": "S256",
            **self.asks,
        }

    @pytest.mark.gen_test
    async def test_a_code_is_exchanged_with_its_verifier(self) -> None:
        wire = playing(reply(self.granted))
        grant = await self.flow(wire).exchange("4/0Ab~+c", "the-verifier")
        fields = {
            "grant_type": "authorization_code",
            "code": "4/0Ab~+c",
            "code_verifier": "the-verifier",
            "redirect_uri": f"{ORIGIN}/api/v1/contacts/import/{self.kind.name}/callback",
        }
        assert wire.sent == [Sent("POST", self.token_url, {}, {**fields, **self._credentials()})]
        assert (grant.access_token, grant.refresh_token) == (
            self.granted["access_token"],
            self.granted["refresh_token"],
        )
        assert self.flow(wire).allows_contacts(grant)
        lifetime, left = self.granted["expires_in"], grant.expires_at - datetime.now(UTC)
        assert timedelta(seconds=lifetime - 9) < left <= timedelta(seconds=lifetime)

    @pytest.mark.gen_test
    async def test_a_refresh_keeps_what_the_provider_leaves_out(self) -> None:
        wire = playing(reply({"access_token": "new", "expires_in": 3599, "token_type": "Bearer"}))
        grant = await self.flow(wire).refresh("old")
        fields = {"grant_type": "refresh_token", "refresh_token": "old", **self._credentials()}
        assert wire.sent == [Sent("POST", self.token_url, {}, fields)]
        assert (grant.access_token, grant.refresh_token, grant.scopes) == ("new", None, None)

    @pytest.mark.gen_test
    async def test_a_consent_may_bring_no_refresh_token(self) -> None:
        kept = {name: value for name, value in self.granted.items() if name != "refresh_token"}
        grant = await self.flow(playing(reply(kept))).exchange("c", "v")
        assert (grant.access_token, grant.refresh_token) == (self.granted["access_token"], None)

    @pytest.mark.gen_test
    async def test_an_exchange_is_never_repeated_and_a_refresh_is(self) -> None:
        wire = playing(reply(b"oops", 500))
        with pytest.raises(TransientError):
            await self.flow(wire).exchange("c", "v")
        assert len(wire.sent) == 1
        with pytest.raises(TransientError):
            await self.flow(wire).refresh("r")
        assert len(wire.sent) == 1 + 1 + RETRIES

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("revoked", ReconnectError),
            ("consent_required", ReconnectError),
            ("wrong_secret", ProviderError),
            ("malformed", ProviderError),
            ("html", ProviderError),
            ("later", TransientError),
            ("unavailable", TransientError),
            ("bad_gateway", TransientError),
            ("unavailable_for_a_while", ThrottledError),
            ("too_many", ThrottledError),
        ],
    )
    @pytest.mark.gen_test
    async def test_each_refusal_of_a_token_has_its_meaning(self, name: str, error: type[ProviderError]) -> None:
        flow = self.flow(playing(refusal(recorded("token_errors")[name])))
        for call in (flow.exchange("c", "v"), flow.refresh("r")):
            with pytest.raises(ProviderError) as refused:
                await call
            assert type(refused.value) is error
            assert "AADSTS" not in refused.value.message
            assert "invalid" not in refused.value.message

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("revoked", "invalid_grant"),
            ("wrong_secret", "invalid_client"),
            ("malformed", "invalid_request"),
            ("unavailable", "temporarily_unavailable"),
            ("html", None),
            ("too_many", None),
        ],
    )
    @pytest.mark.gen_test
    async def test_a_refusal_keeps_the_word_for_it_if_it_is_a_known_one(self, name: str, word: str | None) -> None:
        flow = self.flow(playing(refusal(recorded("token_errors")[name])))
        with pytest.raises(ProviderError) as refused:
            await flow.exchange("c", "v")
        assert refused.value.oauth_error == word

    def test_it_knows_its_own_issuers_letter_for_letter(self) -> None:
        flow = self.flow(playing())
        assert [one for one in self.issuers if not flow.is_issuer(one)] == []
        spoilt = [f"{one}/" for one in self.issuers] + [one.upper() for one in self.issuers]
        spoilt += [one.replace("https", "http") for one in self.issuers] + [f"{one}?x" for one in self.issuers]
        foreign = ["", "null", "https://evil.example", *self.other_issuers, *spoilt]
        assert [one for one in foreign if flow.is_issuer(one)] == []

    def test_scopes_that_are_not_named_are_all_that_were_asked_for(self) -> None:
        assert self._allows(None)

    def test_scopes_that_hold_the_contacts_are_enough(self, allowed: str) -> None:
        assert self._allows(frozenset(allowed.split()))

    def test_contacts_left_unticked_are_noticed(self, refused: str) -> None:
        assert not self._allows(frozenset(refused.split()))
        assert not self._allows(frozenset())

    @pytest.mark.gen_test
    async def test_a_grant_is_revoked_with_the_token_alone_or_not_at_all(self) -> None:
        for answer in (reply({}), reply({"error": "invalid_token"}, 400)):
            wire = playing(answer)
            assert await self.flow(wire).revoke("the-token") is bool(self.revoke_url)
            asked = [Sent("POST", self.revoke_url, {}, {"token": "the-token"})] if self.revoke_url else []
            assert wire.sent == asked

    # The account and the listing.

    @pytest.mark.gen_test
    async def test_the_account_has_an_id_that_lasts_and_a_name(self) -> None:
        wire = playing(reply(self.account_reply))
        assert await self.source(wire).account("the-token") == self.account
        [sent] = wire.sent
        assert (sent.method, sent.url.partition("?")[0]) == ("GET", self.account_url)
        assert sent.headers["Authorization"] == "Bearer the-token"

    @pytest.mark.gen_test
    async def test_a_listing_is_read_from_its_first_page_to_its_last(self) -> None:
        wire = self.answering(self.first)
        first = await self.source(wire).page("the-token", None)
        # Another process may go on.
        last = await self.source(wire).page("the-token", first.next)
        assert (len(first.entries), first.total) == (len(self.first[self.items]), self.total)
        assert (list(last.entries), last.next) == ([], None)
        assert wire.sent[0].url.partition("?")[0] == self.listing_url
        assert wire.sent[-1].url != wire.sent[0].url
        assert {sent.headers["Authorization"] for sent in wire.sent} == {"Bearer the-token"}
        assert {sent.method for sent in wire.sent} == {"GET"}

    @pytest.mark.gen_test
    async def test_a_position_leads_to_the_same_page_whenever_it_is_used(self) -> None:
        position = json.loads(json.dumps(await self.position()))
        asked = []
        for _ in range(2):
            wire = self.answering(self.first)
            page = await self.source(wire).page("the-token", position)
            assert len(page.entries) == len(self.first[self.items])
            asked.append(wire.sent[0].url)
        assert asked[0] == asked[1]

    @pytest.mark.gen_test
    async def test_a_book_may_be_empty(self) -> None:
        ends: list[dict[str, Any]] = [{}, {self.items: []}, {self.onward: None}]
        ends += [{self.onward: ""}] if self.names_next else []
        for end in ends:
            page = await self.page({**self.last, **end})
            assert (list(page.entries), page.next) == ([], None)

    @pytest.mark.parametrize("foreign", FOREIGN)
    @pytest.mark.gen_test
    async def test_the_token_goes_nowhere_else_whatever_comes_next(self, foreign: str) -> None:
        home = origin(self.listing_url)
        assert home is not None
        wire = self.answering({**self.first, self.onward: foreign.format(host=home[1])})
        with suppress(ProviderError):
            page = await self.source(wire).page("the-token", None)
            if self.links:
                with pytest.raises(BrokenListingError, match="foreign address"):
                    await self.source(wire).page("the-token", page.next)
            elif page.next:
                await self.source(wire).page("the-token", page.next)
        assert {origin(sent.url) for sent in wire.sent} == {home}

    # What may go wrong with a page.

    @pytest.mark.parametrize(
        ("status", "headers", "error"),
        [
            (401, {}, TokenRejectedError),
            (403, {}, ProviderError),
            (429, {"retry_after": "2.5"}, ThrottledError),
            (429, {}, ThrottledError),
            (503, {"retry_after": "120"}, ThrottledError),
            (503, {}, UnrenderedError),
            (500, {}, UnrenderedError),
            (502, {}, UnrenderedError),
            (408, {}, TransientError),
            (418, {}, ProviderError),
            (302, {"location": "https://evil.example/"}, ProviderError),
        ],
    )
    @pytest.mark.gen_test
    async def test_each_status_of_a_page_has_its_meaning(
        self, status: int, headers: dict[str, str], error: type[ProviderError]
    ) -> None:
        wire = playing(reply(b"<html>no</html>", status, **headers))
        with pytest.raises(ProviderError) as refused:
            await self.source(wire).page("the-token", None)
        assert type(refused.value) is error
        # When to try again is the engine's to say.
        assert len(wire.sent) == 1
        if isinstance(refused.value, ThrottledError):
            assert refused.value.retry_after == (float(headers["retry_after"]) if headers else None)

    @pytest.mark.gen_test
    async def test_each_recorded_refusal_has_its_meaning(self, case: str) -> None:
        said = self.refusals[case]
        source = self.source(playing(refusal(said)))
        for place in (None, await self.position()):
            with pytest.raises(ProviderError) as refused:
                await source.page("the-token", place)
            assert type(refused.value) is getattr(errors, said["error"])
            assert said.get("says", "") in refused.value.message
            assert getattr(refused.value, "retry_after", None) == said.get("retry_after")

    @pytest.mark.gen_test
    async def test_a_200_that_is_no_answer_is_a_failed_try_and_never_an_end(self) -> None:
        whole = json.dumps(self.last).encode()
        said: list[object] = [b"<html>", b"[]", b"null", b"", b"1 OK", whole + whole, whole + b"\n" + whole]
        errors_: list[object] = [{"code": "UnknownError", "message": ""}, "x", []]
        no_items: list[object] = [{"0": {}}, 3]
        no_link: list[object] = [5, ["x"], "x" * 70_000]
        said += [{**self.last, "error": error} for error in errors_]
        said += [{**self.first, "error": {"code": 500}}, *self.no_answers]
        said += [{**self.last, self.items: wrong} for wrong in no_items]
        said += [{**self.last, self.onward: wrong} for wrong in no_link]
        place = await self.position()
        for body in said:
            for position in (None, place):
                with pytest.raises(TransientError):
                    await self.source(playing(reply(body))).page("the-token", position)

    @pytest.mark.gen_test
    async def test_the_account_is_asked_for_again_where_the_answer_is_none(self) -> None:
        nonsense = (reply(b"<html>"), reply({**self.account_reply, "error": {"code": 503}}), reply(b"oops", 500))
        wire = playing(*nonsense, reply(self.account_reply))
        assert await self.source(wire).account("the-token") == self.account
        # No smaller page would help.
        with pytest.raises(TransientError) as refused:
            await self.source(playing(reply(b"", 500))).account("the-token")
        assert type(refused.value) is TransientError

    @pytest.mark.gen_test
    async def test_what_is_too_long_is_no_name_no_id_and_no_token(self) -> None:
        long = {name: value + "x" * 5_000_000 for name, value in self.account_reply.items() if isinstance(value, str)}
        with pytest.raises(TransientError):
            await self.source(playing(reply({**self.account_reply, **long}))).account("the-token")
        id_name = next(name for name, value in self.account_reply.items() if value == self.account.id)
        account = await self.source(playing(reply({**long, id_name: self.account.id}))).account("the-token")
        assert (account.id, len(account.name or "")) == (self.account.id, 320)
        for name in ("access_token", "refresh_token"):
            with pytest.raises(TransientError):
                await self.flow(playing(reply({**self.granted, name: "x" * 17_000_000}))).exchange("c", "v")

    @pytest.mark.gen_test
    async def test_an_empty_page_that_leads_to_itself_is_the_end(self) -> None:
        if not self.names_next:
            return
        place = await self.position()
        itself = self.first[self.onward]
        page = await self.page({**self.last, self.onward: itself}, position=place)
        assert (list(page.entries), page.next) == ([], None)
        # With contacts it is a loop, which the cursor sees.
        page = await self.page({**self.first, self.onward: itself}, position=place)
        assert (len(page.entries), page.next) == (len(self.first[self.items]), place)

    @pytest.mark.gen_test
    async def test_a_page_that_cannot_be_had_is_asked_for_in_smaller_ones(self) -> None:
        place: str | None = None
        sizes = []
        while smaller := self.source(playing(reply())).smaller(place):
            wire = self.answering()
            await self.source(wire).page("the-token", smaller.position)
            sizes.append(int(re.findall(r"(?:pageSize|top)=(\d+)", wire.sent[0].url)[0]))
            place = smaller.position
        assert sizes == self.sizes

    @pytest.mark.gen_test
    async def test_a_contact_that_is_too_large_fails_by_itself(self) -> None:
        huge = {**self.identified, "padding": [5] * 200_000}
        for place in (None, await self.position()):
            page = await self.page(self.listing(self.identified, huge, self.identified), position=place)
            assert [one.error for one in page.entries] == [
                None, "The provider sent a contact that is too large to be one.", None,
            ]  # fmt: skip
            assert (page.entries[1].raw, page.entries[1].contact) == (None, None)

    # The contacts.

    @pytest.mark.gen_test
    async def test_a_contact_has_the_shape_that_is_stored(self) -> None:
        one = (await self.page(self.first)).entries[0]
        assert (one.id, one.etag) == self.known_as
        assert one.contact == self.contact
        assert one.error is None

    @pytest.mark.gen_test
    async def test_an_entry_keeps_what_was_sent_letter_for_letter(self) -> None:
        sent = json.dumps(self.identified)[:-1].encode() + b', "unheard": [1e0,  "\\u00e4"]}'
        body = json.dumps(self.listing("HERE")).encode().replace(b'"HERE"', sent)
        (one,) = (await self.page(body)).entries
        assert (one.error, msgspec.json.encode(one.raw)) == (None, sent)

    @pytest.mark.gen_test
    async def test_what_is_no_contact_fails_alone_and_is_known_again(self) -> None:
        body = self.listing(self.identified, {}, None, 7, "x", [self.identified], self.identified)
        place = await self.position()
        pages = [await self.page(body, position=position) for position in (None, None, place)]
        for page in pages:
            assert [one.error is None for one in page.entries] == [True, *[False] * 5, True]
            assert [one.contact is None for one in page.entries] == [False, *[True] * 5, False]
        lost, again, elsewhere = ([one.id for one in page.entries[1:-1]] for page in pages)
        assert lost == again
        assert len({*lost, *elsewhere}) == 2 * len(lost)

    def test_whatever_it_sends_is_a_page_that_can_be_written_down(self) -> None:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            place = runner.run(self.position())

            @settings(max_examples=100, deadline=None)
            @given(self._documents(), st.sampled_from((None, place)))
            def holds(document: dict[str, Any], position: str | None) -> None:
                try:
                    page = runner.run(self.page(document, position=position))
                except TransientError:
                    return
                assert all(isinstance(one, Entry) and one.id and (one.contact or one.error) for one in page.entries)
                assert page.next is None or page.next
                msgspec.json.encode([(one.id, one.etag, one.contact, one.raw) for one in page.entries])

            holds()

    def _documents(self) -> st.SearchStrategy[dict[str, Any]]:
        """Pages in which everything stands in its place, and is anything."""
        words = sorted(set(_words(self.first)))
        part = st.dictionaries(st.sampled_from(words), SCALARS | JSON, max_size=5)
        contact = st.dictionaries(
            st.sampled_from(words), SCALARS | part | st.lists(part | JSON, max_size=3) | JSON, max_size=6
        )
        contacts = st.lists(contact | JSON, max_size=3) | JSON
        return st.fixed_dictionaries({}, optional={**dict.fromkeys(self.first, JSON), self.items: contacts})

    def _credentials(self) -> dict[str, str]:
        return {"client_id": f"{self.kind.name}-id", "client_secret": f"{self.kind.name}-word"}

    def _allows(self, scopes: frozenset[str] | None) -> bool:
        return self.flow(playing(reply())).allows_contacts(Grant("a", None, datetime.now(UTC), scopes))


def _words(value: object) -> Iterator[str]:
    """Every field's name, however deep."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _words(item)
