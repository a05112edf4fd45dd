"""Where a book's phone numbers without a country are from: its own numbers say so, once for all of its pages."""

from everreach.concurrency.cooperative import map_cooperatively
from everreach.contacts.contact import Contact
from everreach.contacts.identity import region_of
from everreach.contacts.page import Entry, Page
from everreach.jobs.job import Job, Lease
from everreach.jobs.options import WithoutEmail
from storage.leases import LeaseStore


async def locate(leases: LeaseStore, lease: Lease, page: Page) -> None:
    """Find the region out from the first page and keep it, where keys may be made of numbers and nobody has said it.

    The first thousand contacts stand for the book. Another page would give another answer, and one person two keys.
    """
    if _has_to_be_known(lease.job):
        contacts = await map_cooperatively(_contact, page.entries)
        await leases.locate(lease, region_of([contact for contact in contacts if contact]) or lease.job.options.home)


def _has_to_be_known(job: Job) -> bool:
    options = job.options
    return options.without_email is WithoutEmail.IMPORT and options.region is None and job.region is None


def _contact(entry: Entry) -> Contact | None:
    return entry.contact
