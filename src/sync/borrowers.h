/* The borrowers of a limiter: a set of pointers that keeps their order.
 *
 * A borrower is in the set from when it asks for a token: while it waits, and while it has one.
 * So it is found when it asks twice, and being handed a token needs no memory. */
#ifndef YB_SYNC_BORROWERS_H
#define YB_SYNC_BORROWERS_H

#include <stdint.h>

#include "base/list.h"

typedef struct yb_borrower {
    yb_list links;            /* among those who have a token, in the order they got it */
    struct yb_borrower *next; /* in its bucket, or among the spare ones */
    const void *key;
    uint64_t serial; /* of the addition: a key may be removed and come again */
    bool has_token;
} yb_borrower;

typedef struct yb_borrowers {
    yb_list holders;
    yb_borrower **buckets; /* bucket_count of them, a power of two, or NULL */
    size_t bucket_count, count;
    uint64_t serial;    /* the last one given */
    yb_borrower *spare; /* one removed entry, for the next to come */
} yb_borrowers;

void yb_borrowers_init(yb_borrowers *set);
void yb_borrowers_destroy(yb_borrowers *set);

yb_borrower *yb_borrowers_find(const yb_borrowers *set, const void *key);

/* Adds a key that is not in the set, without a token; NULL: no memory. */
yb_borrower *yb_borrowers_add(yb_borrowers *set, const void *key);
void yb_borrowers_remove(yb_borrowers *set, yb_borrower *borrower);

/* Gives it a token. */
static inline void yb_borrowers_hold(yb_borrowers *set, yb_borrower *borrower)
{
    borrower->has_token = true;
    yb_list_push_back(&set->holders, &borrower->links);
}

#endif
