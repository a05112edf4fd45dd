"""The table of the transitions: where a job has to stand for each, where it stands afterwards, and what that means.

The stores make the filters of their statements from it, and docs/how-a-job-lives.md repeats it for readers.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from everreach.jobs.job import ENDS, RUNNING, Status

ALIVE: Final = frozenset(Status) - ENDS
"""Where a job has not ended."""

_NOWHERE: Final[frozenset[Status]] = frozenset()
_AUTHENTICATING: Final = frozenset({Status.AUTHENTICATING})
_PENDING: Final = frozenset({Status.PENDING})
_FAILED: Final = frozenset({Status.FAILED})


class Transition(Enum):
    """A change of a job: the statuses it begins in, those it leads to (none: the status stays), and its sentence.

    Its name is that of the method of JobStore or LeaseStore whose one statement it is.
    """

    CREATE = _NOWHERE, (Status.AUTHENTICATING,), "makes a job that waits for consent until its state expires"
    RECEIVE = (
        _NOWHERE,
        (Status.PENDING,),
        "a file has come, and its job waits for a day for its columns to be named",
    )
    SET_OFF = _PENDING, (Status.FETCHING,), "it is known how the file is read: the import goes"
    DISCARD = _PENDING, (Status.FAILED,), "nobody said in time how the file is read: `failed`"
    SPEND = _AUTHENTICATING, (), "takes the OAuth state, which serves once; the job waits for the exchange"
    DENY = _AUTHENTICATING, (Status.FAILED,), "the person said no at the consent page: `failed`, with a sentence"
    REFUSE = _AUTHENTICATING, (Status.FAILED,), "the exchange failed, or the contacts were unticked: `failed`"
    CONSENT = _AUTHENTICATING, (Status.FETCHING,), "stores the sealed tokens and sets the import going, both in one"
    KEEP = _FAILED, (), "tokens that came after the job had failed for want of them serve its retry"
    EXPIRE = _AUTHENTICATING, (Status.FAILED,), "the consent, or the end of the exchange, never came: `failed`"
    CANCEL = ALIVE, (Status.CANCELLED,), "the person ends the job, and its tokens go"
    RETRY = (
        _FAILED,
        (Status.FETCHING, Status.PROCESSING),
        "a failed job goes on where it stopped, with the tokens, or the file, it kept",
    )
    REAUTHORIZE = _FAILED, (Status.AUTHENTICATING,), "a failed job without tokens waits for a new consent"
    SETTLE = (
        frozenset({Status.CANCELLED}),
        (),
        "a cancelled job's counters become what stands in the database; until then, for two seconds at most, nobody is"
        " shown its end",
    )
    FORGET = _FAILED, (), "a failed job's tokens, or its file, go after a day"
    CLAIM = (
        RUNNING,
        (),
        "one worker takes a job that is due, a dead worker's too, and gets the next fence number",
    )
    BEGIN = (
        RUNNING,
        (),
        "the worker signs for what it may leave half written, at first and after each answer that never came; sees who"
        " signed before and never handed back: a takeover",
    )
    RENEW = RUNNING, (), "the lease lasts its full time again"
    IDENTIFY = RUNNING, (), "stores whose address book it is"
    LOCATE = RUNNING, (), "stores where the book's phone numbers without a country are from"
    STORE_TOKENS = RUNNING, (), "stores refreshed tokens before anybody uses them"
    ADVANCE = RUNNING, (Status.PROCESSING,), "commits a page: counters, and where the listing goes on"
    RELEASE = RUNNING, (), "hands the job back to any worker"
    POSTPONE = (
        RUNNING,
        (),
        "the page could not be had: hands the job back until the next try, and counts the tries; or goes on in smaller"
        " pages",
    )
    WAIT_OUT = (
        RUNNING,
        (),
        "the provider throttles: hands the job back until it is willing again, for 15 minutes in a row by the"
        " database's clock",
    )
    FINISH = RUNNING, (Status.COMPLETED,), "commits the last page and completes the job"
    FAIL = RUNNING, (Status.FAILED,), "ends the job with a reason and the counters that stand in the database"

    def __init__(self, begins: frozenset[Status], leads: Iterable[Status], sentence: str) -> None:
        self.begins = begins
        self.leads = frozenset(leads)
        self.sentence = sentence
