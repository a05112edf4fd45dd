"""Whose address book a job reads: two people's books must never come into one job."""

from typing import Final

from everreach.engine.time_slice import TimeSlice
from everreach.errors import ProviderError
from providers.source import Reading
from storage.leases import LeaseStore

_ANOTHER_ACCOUNT: Final = "This is another account than the import began with. Please start a new import for it."
_UNKNOWN_ACCOUNT: Final = "It is not known which account the import began with. Please start a new import."


async def identify(leases: LeaseStore, time_slice: TimeSlice, reading: Reading) -> None:
    """Find out whose address book it is, and that it is the one that the job began with.

    Raises ProviderError where it is another, or where that cannot be known and matters.
    """
    job = time_slice.lease.job
    if job.provider_account_name:
        return
    known = job.provider_account_id is not None
    if job.reconsented and job.listed and not known:
        raise ProviderError(_UNKNOWN_ACCOUNT)
    try:
        account = await time_slice.during(reading.account())
    except ProviderError:
        if known or job.reconsented:
            # Two people's books must not come into one job.
            raise
        # The name is for the person's eyes only; if access itself is broken, the listing will say so.
        return
    if known and account.id != job.provider_account_id:
        raise ProviderError(_ANOTHER_ACCOUNT)
    await leases.identify(time_slice.lease, account.id, account.name)
