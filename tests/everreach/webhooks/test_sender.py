"""One try: who knows a secret can verify it, and what came of it is told without the endpoint's own words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from everreach.net.http import Http
from everreach.webhooks.sender import Result, Sender
from storage.webhook_deliveries import Delivery
from tests.receiver import NEW, OLD, SECRETS, Receiver

BODY = '{"type":"import.completed","data":{"error_message":"Ünïcode."}}'
DELIVERY = Delivery(
    id="msg_1_7:here",
    user_id="somebody",
    job_id="1",
    endpoint="here",
    message_id="msg_1_7",
    event="import.completed",
    payload=BODY,
    attempts=0,
    fence=1,
)


@asynccontextmanager
async def courier(*secrets: SecretStr) -> AsyncIterator[Sender]:
    async with Http(reachable=lambda _: True) as http:
        yield Sender(http, secrets or SECRETS)


@pytest.mark.gen_test
async def test_who_knows_the_secret_can_verify_what_came(receiver: Receiver) -> None:
    async with courier(SecretStr(NEW)) as only:
        await only.send(DELIVERY, receiver.url("fine"))
    (received,) = receiver.received
    assert received.body == BODY.encode()
    assert received.headers["Content-Type"] == "application/json"
    assert received.id == "msg_1_7"
    assert received.verified(NEW)["type"] == "import.completed"
    with pytest.raises(WebhookVerificationError):
        received.verified(OLD)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(received.body + b" ", received.headers)


@pytest.mark.gen_test
async def test_while_secrets_rotate_the_old_and_the_new_one_verify(receiver: Receiver) -> None:
    async with courier() as both:
        await both.send(DELIVERY, receiver.url("fine"))
    (received,) = receiver.received
    assert len(received.headers["Webhook-Signature"].split(" ")) == 2
    assert received.verified(NEW) == received.verified(OLD)


@pytest.mark.gen_test
async def test_the_moment_signed_is_that_of_the_try(receiver: Receiver) -> None:
    async with courier() as both:
        await both.send(DELIVERY, receiver.url("fine"))
    moment = datetime.fromtimestamp(int(receiver.received[0].headers["Webhook-Timestamp"]), UTC)
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("mood", "result"),
    [
        ("fine", Result("HTTP 204", accepted=True)),
        ("wordy", Result("HTTP 200", accepted=True)),
        ("down", Result("HTTP 503")),
        ("gone", Result("HTTP 410", refused=True)),
        ("busy", Result("HTTP 429", retry_after=7200.0)),
        ("moved", Result("HTTP 302")),
    ],
)
@pytest.mark.gen_test
async def test_what_the_endpoint_answers_is_a_result(receiver: Receiver, mood: str, result: Result) -> None:
    async with courier() as both:
        assert await both.send(DELIVERY, receiver.url(mood)) == result
    # A redirect is an answer like any other: nothing went to where it points.
    assert [received.mood for received in receiver.received] == [mood]


@pytest.mark.gen_test
async def test_an_endpoint_that_nobody_hears_of_and_one_in_our_own_network_are_results_too(receiver: Receiver) -> None:
    await receiver.close()
    async with courier() as anywhere:
        assert await anywhere.send(DELIVERY, receiver.url("fine")) == Result("no answer")
    async with Http(reachable=lambda _: False) as http:
        assert await Sender(http, SECRETS).send(DELIVERY, receiver.url("fine")) == Result("no public address")


def test_a_courier_shows_no_secret() -> None:
    shown = Sender(None, SECRETS)  # type: ignore[arg-type]
    assert all(part not in f"{shown!r} {shown.__dict__!r}" for part in (NEW, OLD, NEW.removeprefix("whsec_")))
