/*
 * The protocol of one import: two workers, three pages, a person, and a database that forgets nothing.
 *
 * Every atomic block is one statement to the database, as storage/ makes it, or one look at a worker's own clock together
 * with the statement that follows it. README.md says what is left out, and what each mutation (-D...) breaks.
 *
 * Each page holds two entries: one becomes a contact and a row `created`, the other only a row `skipped`.
 */

#ifndef FAULTS
#define FAULTS 2            /* Crashes, sleeps past the lease, lost answers: so many in all, in any mixture. */
#endif
#ifndef CLAIMS
#define CLAIMS 0            /* How often the answer to a claim is lost, beside the faults; a crash after it is the same. */
#endif
#ifndef ERRORS
#define ERRORS 1            /* How often the provider makes the import fail. */
#endif
#ifndef RELEASES
#define RELEASES 1          /* How often a turn is over: SIGTERM, fairness, throttling. */
#endif
#ifndef RESTARTS
#define RESTARTS 0          /* How often the listing expires and begins again. */
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef RETRIES
#define RETRIES 1
#endif
#ifndef EDITS
#define EDITS 0             /* How often somebody edits a contact at the provider, which gives it another key. */
#endif
#define REFRESHES 1         /* How often tokens are stored while a page is committed (only where the order matters). */
#define PAGES 3
#ifndef LIMIT
#define LIMIT 2             /* TAKEOVER_LIMIT, five in everreach/engine/importer.py. */
#endif

mtype:state = { RUNNING, COMPLETED, FAILED, CANCELLED };
mtype:course = { BEGIN, GO_ON, RECOVER, FAIL, RELEASE };

/* The job's document. */
mtype:state status = RUNNING;
bool due = true;            /* not_before has passed. */
bool settled;               /* not_before is gone for good. */
byte owner;                 /* 0: nobody. */
byte fence, page, cursor, takeovers, imported, skipped;
byte begun;                 /* The fence of the worker that began last, until it hands the job back or ends it. */
bool half_written;

/* contacts, and imported_contacts: 0 where there is none, else 1 + the page that it is tagged with. */
byte contact[PAGES], made[PAGES], left[PAGES];

#if EDITS
bool again;                 /* Cursor.again: the listing has begun again. */
bool overlaps;              /* Contacts that are still to come may have rows. */
bool edited[PAGES], under[PAGES];   /* Which key the provider sends by now, and which one the contact has here. */
bool twice;                 /* A contact stands under both of its keys. */
byte edits = EDITS;
#endif

/* What may still go wrong. */
byte faults = FAULTS, claims = CLAIMS, errors = ERRORS, releases = RELEASES, restarts = RESTARTS;

/* Whether a worker is alive that knows it holds the lease; only the clock looks at it. */
bool holding[3];

#define ROWS(of)     ((of[0] > 0) + (of[1] > 0) + (of[2] > 0))
#define TAGGED(of)   ((of[0] == at + 1) + (of[1] == at + 1) + (of[2] == at + 1))
#define ENDED        (status == COMPLETED || status == FAILED || (status == CANCELLED && settled))

/* Filters. The real ones: storage/transitions.py held(), storage/leases.py claim() and _write_page(). */
#ifdef NO_FENCE
#define HELD         (status == RUNNING)
#else
#define HELD         (status == RUNNING && owner == me && fence == mine)
#endif
#ifdef CLAIM_EARLY
#define CLAIMABLE    (status == RUNNING && (due || faults > 0))
#else
#define CLAIMABLE    (status == RUNNING && due)
#endif

/* Lease.check(), and where it is made. */
#ifdef NO_CHECK
#define COVERED      true
#else
#define COVERED      valid
#endif
#ifdef FAIL_UNCHECKED
#define FAIL_COVERED true
#else
#define FAIL_COVERED COVERED
#endif

/* Jobs that carry a not_before; storage/jobs.py cancel() leaves it in place until somebody has settled the job. */
#ifdef CANCEL_FORGETS
#define WAITED_FOR   (status == RUNNING)
#else
#define WAITED_FOR   (status == RUNNING || (status == CANCELLED && !settled))
#endif

/* No write to the job by anybody but the one who claimed it last. */
#define WRITES       assert(owner == me && fence == mine)

/* The number of pages before the one whose contacts are inserted; the importer counts it by itself. */
#ifdef TOKENS_UNORDERED
#define NUMBER       number
#define AHEAD        number++
#define FROM_HERE    number = page
#else
#define NUMBER       (at + taken - place)
#define AHEAD        skip
#define FROM_HERE    skip
#endif

#define BODY_READY   (want == GO_ON && taken == place + (step > 0) && taken < PAGES)
#define FETCHING     (BODY_READY || want == RECOVER)

/* Whether somebody who began may have left a page half written. */
#ifdef BEGIN_TRUSTS
#define SIGNED       (begun > 0 && begun != fence)
#else
#ifdef BEGIN_FORGETS
#define SIGNED       (begun > 0 && begun + 1 >= fence)
#else
#define SIGNED       (begun > 0)
#endif
#endif

inline insert_rows(n, tag) {
    if :: made[n] == 0 -> made[n] = tag; new_made++ :: else fi;
    if :: left[n] == 0 -> left[n] = tag; new_left++ :: else fi
}

/* ContactStore.record_unrecorded(): it looks only at contacts of the page under way and of the one ahead. */
inline complete(tag) {
    if :: contact[0] >= tag && made[0] == 0 -> made[0] = tag :: else fi;
    if :: contact[1] >= tag && made[1] == 0 -> made[1] = tag :: else fi;
    if :: contact[2] >= tag && made[2] == 0 -> made[2] = tag :: else fi
}

/* Ledger.unrecorded(): whether a contact that has its row is left out. */
#ifdef RETRY_TRUSTS
#define ASKED        (recovered || asks)
#else
#define ASKED        (overlaps || asks)
#endif

/* ContactStore.insert(): what is there already stays as it is. */
inline insert_contact() {
#if EDITS
    if
    :: ASKED && made[taken] > 0
    :: !(ASKED && made[taken] > 0) && contact[taken] == 0 -> contact[taken] = NUMBER + 1; under[taken] = edited[taken]
    :: !(ASKED && made[taken] > 0) && contact[taken] > 0 -> twice = twice || under[taken] != edited[taken]
    fi
#else
    if :: contact[taken] == 0 -> contact[taken] = NUMBER + 1 :: else fi
#endif
}

inline advance() {
    WRITES;
    imported = imported + new_made;
    skipped = skipped + new_left;
    page++;
    takeovers = 0;
    half_written = false;
#if EDITS
    again = asks;
#endif
    if
    :: place + 1 == PAGES -> status = COMPLETED; owner = 0; begun = 0
    :: else -> cursor = place + 1
    fi
}

inline fail() {
    WRITES;
    status = FAILED;
    owner = 0;
    begun = 0;
    half_written = false;
    due = false;
    imported = new_made;
    skipped = new_left;
#if EDITS
    overlaps = true;
#endif
    /* A broken listing begins again when the job is retried. */
    if :: skip :: cursor = 0 fi;
#ifndef FAIL_KEEPS_PAGE
    page++
#endif
}

inline release() {
    WRITES;
    owner = 0;
    begun = 0;
#ifdef RELEASE_FORGETS
    half_written = false;
#endif
    due = false
}

/* LeaseStore.begin(), ... */
inline begin() {
    WRITES;
#ifndef CLAIM_COUNTS
    if :: SIGNED && begun != fence -> takeovers++ :: else fi;
#endif
#if EDITS
    if :: SIGNED -> overlaps = true :: else fi;
#endif
    if :: SIGNED -> half_written = true :: else fi;
    begun = fence; valid = true; due = false
}

/* ... and its answer: the job as the database has it, and what to do first. */
inline look() {
    at = page; place = cursor; taken = cursor; recovering = half_written; FROM_HERE;
#if EDITS
    recovered = half_written; asks = again;
#endif
    assert(takeovers <= FAULTS - faults);   /* For each of them a worker crashed, slept or was cut off. */
    if
    :: takeovers >= LIMIT -> want = FAIL
    :: takeovers < LIMIT && recovering -> want = RECOVER
    :: takeovers < LIMIT && !recovering -> want = GO_ON
    fi
}

/* The worker forgets all it knew. Equal states must look equal, or the search never ends. */
inline forget() {
    holding[me] = false;
    mine = 0; at = 0; place = 0; taken = 0; step = 0; new_made = 0; new_left = 0;
    valid = false; recovering = false; want = BEGIN
#if EDITS
    ; recovered = false; asks = false
#endif
#ifdef TOKENS_UNORDERED
    ; answer = 0; number = 0
#endif
}

proctype worker(byte me) {
    byte mine;              /* Lease.fence. */
    byte at;                /* Lease.job.page. */
    byte place;             /* The page of the listing that is committed next. */
    byte taken;             /* How many pages of the listing have their contacts inserted. */
    byte step;              /* The step behind: 0 none, 1 is to record rows, 2 is to commit. */
    byte new_made, new_left;    /* What the page adds, or what _counts() found. */
    bool valid;             /* Lease.check() passes. */
    bool recovering;
#if EDITS
    bool recovered;         /* The page under way was found half written. */
    bool asks;              /* Cursor.again, as this worker has it. */
#endif
    mtype:course want = BEGIN;
#ifdef TOKENS_UNORDERED
    byte refreshes = REFRESHES, answer, number;
#endif

idle:
end_idle:
    do
    :: atomic { CLAIMABLE ->
#ifdef CLAIM_EARLY
            if :: due :: else -> faults-- fi;
#endif
#ifdef CLAIM_COUNTS
            if :: owner > 0 -> takeovers++ :: else fi;
#endif
            fence++; owner = me; due = false;
            if
            :: mine = fence; valid = true; holding[me] = true; goto hold
            :: claims > 0 -> claims--            /* The answer is lost. */
            fi
        }
    :: atomic { status == CANCELLED && !settled && due -> mine = fence; goto settle }
    od;

hold:
    do
    /* Rows for what somebody created and did not record. */
    :: atomic { want == RECOVER ->
            if
            :: !COVERED -> want = BEGIN
            :: COVERED -> complete(at + 1); want = GO_ON
            :: COVERED && faults > 0 -> faults--; want = BEGIN; if :: complete(at + 1) :: skip fi
            fi
        }
    /* ContactStore.insert(), then BackgroundStep.follow(). */
    :: atomic { BODY_READY ->
            if
            :: !COVERED -> want = BEGIN
            :: COVERED -> insert_contact(); taken++; AHEAD; if :: step == 0 -> step = 1 :: else fi
            :: COVERED && faults > 0 -> faults--; want = BEGIN; if :: insert_contact() :: skip fi
            fi
        }
    /* Ledger.record(). */
    :: atomic { step == 1 ->
            new_made = 0; new_left = 0;
            if
            :: !COVERED -> want = BEGIN; step = 0
            :: COVERED -> insert_rows(place, at + 1); step = 2;
#ifndef NO_TAG
               if :: recovering -> new_made = TAGGED(made); new_left = TAGGED(left) :: else fi
#endif
            :: COVERED && faults > 0 -> faults--; want = BEGIN; step = 0;
               if                                  /* A bulk write may get halfway. */
               :: made[place] == 0 -> made[place] = at + 1
               :: left[place] == 0 -> left[place] = at + 1
               :: insert_rows(place, at + 1); new_made = 0; new_left = 0
               :: skip
               fi
            fi
        }
    /* LeaseStore.advance() and finish(). */
    :: atomic { step == 2 ->
            if
            :: HELD && page == at -> advance();
               if
               :: status == COMPLETED -> forget(); goto idle
               :: else -> at = page; place++; recovering = false; new_made = 0; new_left = 0;
                  if :: taken > place -> step = 1 :: else -> step = 0 fi
               :: faults > 0 -> faults--; want = BEGIN; step = 0; new_made = 0; new_left = 0
               fi
            :: !(HELD && page == at) -> want = BEGIN; step = 0; new_made = 0; new_left = 0
            :: faults > 0 -> faults--; want = BEGIN; step = 0; new_made = 0; new_left = 0
            fi
        }
    /* What calls a turn off: an error of the provider (while fetching, or when the listing moves), the end of the turn. */
    :: atomic { errors > 0 && FETCHING -> errors--; want = FAIL }
    :: atomic { errors > 0 && step == 2 -> errors--; want = FAIL; step = 0; new_made = 0; new_left = 0 }
    :: atomic { releases > 0 && FETCHING -> releases--; want = RELEASE }
    :: atomic { restarts > 0 && BODY_READY && step == 0 -> restarts--; place = 0; taken = 0;
#if EDITS
            asks = true;
#endif
            skip }
    /* Runner._keep(): a lease that nobody took meanwhile is good again. */
    :: atomic { !valid && HELD -> valid = true; due = false }
    /* Faults. A sleeper wakes with all it knew; what happens while it sleeps is the others' steps. */
    :: atomic { faults > 0 && valid -> faults--; valid = false;
            if :: owner == me && fence == mine -> due = true :: else fi }
    :: atomic { faults > 0 -> faults--; forget(); goto idle }
#ifdef TOKENS_UNORDERED
    /* LeaseStore.store_tokens() by the fetch ahead, whose answer is read after that of a later statement. */
    :: atomic { refreshes > 0 && answer == 0 && HELD -> refreshes--; answer = page + 1 }
    :: atomic { answer > 0 -> at = answer - 1; answer = 0 }
#endif
    /* Importer._begin(). */
    :: atomic { want == BEGIN && step == 0 ->
            if
            :: HELD -> begin(); if :: look() :: faults > 0 -> faults-- fi
            :: !HELD && status == CANCELLED && fence == mine -> goto settle
            :: !HELD && !(status == CANCELLED && fence == mine) -> forget(); goto idle
            fi
        }
    /* LeaseStore.release(). */
    :: atomic { want == RELEASE && step == 0 ->
            if
            :: HELD -> release(); if :: forget(); goto idle :: faults > 0 -> faults--; want = BEGIN fi
            :: !HELD -> want = BEGIN
            :: faults > 0 -> faults--; want = BEGIN
            fi
        }
    /* Importer._fail(): rows for what has none, ... */
    :: atomic { want == FAIL && step == 0 ->
            if
            :: !FAIL_COVERED -> want = BEGIN
            :: FAIL_COVERED -> complete(at + 1); goto failing
            :: FAIL_COVERED && faults > 0 -> faults--; want = BEGIN; if :: complete(at + 1) :: skip fi
            fi
        }
    od;

failing:
    /* ... then the rows are counted, ... */
    atomic { new_made = ROWS(made); new_left = ROWS(left) };
    /* ... then the end is written, if the job is still ours. */
    atomic {
        if
        :: HELD -> fail(); if :: forget(); goto idle :: faults > 0 -> faults--; want = BEGIN fi
        :: !HELD -> want = BEGIN
        :: faults > 0 -> faults--; want = BEGIN
        :: faults > 0 -> faults--; forget(); goto idle
        fi;
        new_made = 0; new_left = 0; goto hold
    };

settle:
    /* Importer.settle(), by the holder or by whoever finds that the lease has ended. */
    atomic { complete(page + 1) };
    atomic { new_made = ROWS(made); new_left = ROWS(left) };
    atomic {
        if
        :: status == CANCELLED && fence == mine -> imported = new_made; skipped = new_left; settled = true; owner = 0
        :: faults > 0 -> faults--                /* It crashed, or the database is away: somebody else does it. */
        fi;
        forget(); goto idle
    }
}

/* The database's clock: a lease that nobody alive holds ends, and a wait is over. A live holder renews in time. */
proctype clock() {
end_ticking:
    do
    :: atomic { !due && WAITED_FOR && (owner == 0 || !holding[owner]) -> due = true }
    od
}

proctype person() {
    byte cancels = CANCELS, retries = RETRIES;
    do
    :: atomic { cancels > 0 && status == RUNNING -> cancels--; status = CANCELLED;
            settled = (fence == 0)
        }
    :: atomic { retries > 0 && status == FAILED -> retries--; status = RUNNING; due = true; takeovers = 0 }
#if EDITS
    :: atomic { edits > 0 && status == RUNNING -> edits--; if :: edited[0] = true :: edited[1] = true :: edited[2] = true fi }
#endif
    :: break
    od
}

/* Looks once, at any moment after an end. Nothing may be written after it, so what is right stays right. */
proctype auditor() {
end_waiting:
    atomic { ENDED ->
        assert(imported == ROWS(made) && skipped == ROWS(left));
        assert(ROWS(contact) == ROWS(made));
#if EDITS
        assert(!twice);
#endif
        assert(status != COMPLETED || (imported == PAGES && skipped == PAGES));
    }
}

init {
    atomic { run worker(1); run worker(2); run clock(); run person(); run auditor() }
}

ltl ends { <>[] ENDED }
