"""What becomes of a job that an error stopped, and what a worker leaves alone whose lease is over by then."""

import pytest

from everreach.contacts.contact import Contact
from everreach.contacts.page import Entry
from everreach.errors import (
    BrokenListingError,
    LeaseLostError,
    ProviderError,
    ReconnectError,
    TransientError,
    VaultError,
)
from storage.indexes import LEDGER
from tests.everreach.engine.test_importer import leased
from tests.world import World

NOBODY: Contact = {
    "display_name": None,
    "email": "ada@example.org",
    "phone": None,
    "emails": [],
    "phones": [],
    "addresses": [],
    "organizations": [],
}


@pytest.mark.gen_test
async def test_a_worker_whose_lease_is_over_records_nothing_when_its_provider_fails(world: World) -> None:
    lease = await leased(world)
    importer = world.node.services.runner._importer
    # Whoever holds the job by now has inserted this contact and not yet recorded it.
    page = await importer._writer.prepare(lease.job, 0, [Entry("1", None, NOBODY, {})])
    await importer._writer.insert(lease, page)
    lease.valid_until = 0
    with pytest.raises(LeaseLostError):
        await importer._setbacks.take(lease, ProviderError("The provider is out of order."))
    assert await world.database[LEDGER].count_documents({}) == 0
    assert (await world.stored(lease.job.id))["status"] == "fetching"


@pytest.mark.parametrize(
    ("error", "status", "has_tokens", "again"),
    [
        (ProviderError("It is out of order."), "failed", True, False),
        (BrokenListingError("It goes in circles."), "failed", True, True),
        (ReconnectError("It has to be connected again."), "failed", False, False),
        (VaultError("It is sealed with another key."), "failed", False, False),
        (TransientError("It is away."), "fetching", True, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@pytest.mark.gen_test
async def test_each_error_ends_a_turn_in_its_own_way(
    world: World, error: ProviderError | VaultError, status: str, has_tokens: bool, again: bool
) -> None:
    lease = await leased(world)
    await world.node.services.runner._importer._setbacks.take(lease, error)
    stored = await world.stored(lease.job.id)
    assert (stored["status"], bool(stored["access_token"]), stored["lease_owner"]) == (status, has_tokens, None)
    assert stored["cursor"].get("again", False) is again
