/*
 * The refresh of one job's tokens at a provider that rotates strictly: each refresh gives a new refresh token, and the
 * one before it is dead from that moment on. Two workers, two calls of each that may find the access token rejected.
 *
 * Every atomic block is one statement to the database, one request as the provider handles it, or one answer as the
 * worker takes it. README.md says what each mutation (-D...) breaks.
 */

#ifndef FAULTS
#define FAULTS 1            /* Crashes, sleeps past the lease and answers of the provider that never come. */
#endif
#ifndef REJECTIONS
#define REJECTIONS 3        /* How often the provider rejects an access token. */
#endif
#ifndef TURNS
#define TURNS 3             /* How often a time slice ends: fairness, throttling, SIGTERM. */
#endif
#define CALLS 2             /* The fetch of a page and the fetch ahead of it. */
#define REFUSED 255

mtype:state = { RUNNING, COMPLETED, FAILED };

/* The job's document; tokens are numbered in the order in which the provider gave them. */
mtype:state status = RUNNING;
byte owner, fence, stored = 1;
bool due = true;

/* The provider: the one refresh token that is alive, and the token whose access is still accepted. */
byte alive = 1, accepted = 1;

byte faults = FAULTS, rejections = REJECTIONS, turns = TURNS;
bool lost;                  /* A fault came between the provider's rotation and the storing of it. */

#define HELD         (status == RUNNING && owner == me && fence == mine)

#ifdef NOT_SHARED           /* Each call refreshes by itself. */
#define MAY_ASK      true
#else
#define MAY_ASK      (sent[0] == 0 && sent[1] == 0 && answer[0] == 0 && answer[1] == 0)
#endif

#ifdef CANCELLED            /* The end of a time slice drops a refresh that is under way. */
#define MAY_LEAVE    true
#else
#define MAY_LEAVE    (sent[0] == 0 && sent[1] == 0 && answer[0] == 0 && answer[1] == 0)
#endif



proctype worker(byte me) {
    byte mine;              /* Lease.fence. */
    byte known;             /* The token that Lease.job has. */
    byte sent[CALLS];       /* The refresh token that a call has sent, 0 for none. */
    byte answer[CALLS];     /* The token that came back, REFUSED where the sent one was dead. */
    byte i;

idle:
end_idle:
    atomic { status == RUNNING && due -> fence++; owner = me; due = false; mine = fence; known = stored };

hold:
    do
    :: status != RUNNING -> break
    /* A call is answered, and the import comes to its end. */
    :: atomic { HELD && known == accepted && MAY_LEAVE -> status = COMPLETED }
    /* A call finds its access token rejected, and sends the refresh token. */
    :: atomic { known != accepted && MAY_ASK ->
            if :: i = 0 :: i = 1 fi;
            if :: sent[i] == 0 && answer[i] == 0 -> sent[i] = known :: else fi
        }
    /* The provider rotates, or refuses; the answer may never come. */
    :: atomic { sent[0] > 0 -> i = 0; goto handled }
    :: atomic { sent[1] > 0 -> i = 1; goto handled }
    /* ProviderTokens: the answer is stored before anybody uses it. */
    :: atomic { answer[0] > 0 -> i = 0; goto stores }
    :: atomic { answer[1] > 0 -> i = 1; goto stores }
    /* The time slice ends: the job is handed back. */
    :: atomic { turns > 0 && MAY_LEAVE -> turns--;
            if :: HELD -> owner = 0; due = true :: else fi; goto gone }
    /* A crash, or a sleep past the lease: whoever comes next knows what is stored. */
    :: atomic { faults > 0 -> faults--;
            if :: alive != stored -> lost = true :: else fi;
            if :: HELD -> due = true :: else fi; goto gone }
    od;
    goto over;

handled:
    atomic {
        if
        :: sent[i] == alive -> alive++; accepted = alive;
           if
           :: answer[i] = alive
           :: faults > 0 -> faults--; lost = true      /* The answer never comes. */
           fi
        :: sent[i] != alive -> answer[i] = REFUSED
        fi;
        sent[i] = 0; goto hold
    };

stores:
    atomic {
        if
        :: answer[i] == REFUSED && HELD && stored != known -> known = stored    /* Somebody stored another one meanwhile. */
        :: answer[i] == REFUSED && HELD && stored == known -> status = FAILED
        :: answer[i] != REFUSED && HELD -> stored = answer[i]; known = stored
        :: !HELD -> skip
        fi;
        answer[i] = 0; goto hold
    };

gone:
    atomic { mine = 0; known = 0; sent[0] = 0; sent[1] = 0; answer[0] = 0; answer[1] = 0; i = 0; goto idle };

over:
    skip
}

/* Access tokens end when they like. */
proctype provider() {
    do
    :: atomic { rejections > 0 && status == RUNNING -> rejections--; accepted = 0 }
    :: break
    od
}

/* A grant dies by a fault between rotation and storing alone. */
proctype auditor() {
end_waiting:
    atomic { status == FAILED -> assert(lost) }
}

init {
    atomic { run worker(1); run worker(2); run provider(); run auditor() }
}
