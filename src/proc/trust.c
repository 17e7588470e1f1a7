/* A job's place follows from its address.  One that takes the place of another is new again, and so
 * is the other when it comes back: with very many jobs there are more looks than needed, never
 * less.
 *
 * When several have run between two looks and something has changed, all of them are suspects: the
 * innocent are soon out of it, since each is then looked after on its own. */
#include "proc/trust.h"

#include <stdint.h>

enum { PLACES = 64 };

typedef struct record {
    const yibu_job *job;
    int clean; /* looks that found nothing, up to YB_TRUST_AFTER; below 0: so many more */
    bool ran;  /* since the last look */
} record;

static record records[PLACES];

static record *record_of(const yibu_job *job)
{
    record *r = &records[(uintptr_t)job / sizeof(*job) % PLACES];
    if (r->job != job)
        *r = (record){.job = job};
    return r;
}

bool yb_trust_ran(const yibu_job *job)
{
    record *r = record_of(job);
    r->ran = true;
    return r->clean == YB_TRUST_AFTER;
}

void yb_trust_looked(bool changed)
{
    for (record *r = records; r < records + PLACES; r++) {
        if (r->ran && changed)
            r->clean = YB_TRUST_AFTER - YB_TRUST_AGAIN_AFTER;
        else if (r->ran && r->clean < YB_TRUST_AFTER)
            r->clean++;
        r->ran = false;
    }
}
