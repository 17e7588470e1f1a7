/* A hash table with chains; it has at least as many buckets as entries, unless memory was short. */
#include "sync/borrowers.h"

#include "base/memory.h"

enum { BUCKETS_MIN = 8 };

void yb_borrowers_init(yb_borrowers *set)
{
    *set = (yb_borrowers){0};
    yb_list_init(&set->holders);
}

void yb_borrowers_destroy(yb_borrowers *set)
{
    for (size_t i = 0; i < set->bucket_count; i++) {
        while (set->buckets[i]) {
            yb_borrower *borrower = set->buckets[i];
            set->buckets[i] = borrower->next;
            yb_free(borrower);
        }
    }
    yb_free(set->buckets);
    yb_free(set->spare);
}

/* Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): the high bits of the product
 * depend on all bits of the pointer. */
static yb_borrower **bucket_of(const yb_borrowers *set, const void *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15);
    return &set->buckets[(hash >> 32) & (set->bucket_count - 1)];
}

static void insert(yb_borrowers *set, yb_borrower *borrower)
{
    yb_borrower **bucket = bucket_of(set, borrower->key);
    borrower->next = *bucket;
    *bucket = borrower;
}

/* Doubles the buckets; false: no memory, they stay as they are. */
static bool grow(yb_borrowers *set)
{
    yb_borrowers old = *set;
    size_t count = old.bucket_count > 0 ? 2 * old.bucket_count : BUCKETS_MIN;
    yb_borrower **buckets = yb_calloc(count, sizeof(yb_borrower *));
    if (!buckets)
        return false;
    set->buckets = buckets;
    set->bucket_count = count;
    for (size_t i = 0; i < old.bucket_count; i++) {
        for (yb_borrower *at = old.buckets[i], *next; at; at = next) {
            next = at->next;
            insert(set, at);
        }
    }
    yb_free(old.buckets);
    return true;
}

yb_borrower *yb_borrowers_find(const yb_borrowers *set, const void *key)
{
    if (set->count == 0)
        return NULL;
    yb_borrower *at = *bucket_of(set, key);
    while (at && at->key != key)
        at = at->next;
    return at;
}

static yb_borrower *allocate(yb_borrowers *set)
{
    yb_borrower *borrower = set->spare;
    set->spare = NULL;
    return borrower ? borrower : yb_malloc(sizeof(*borrower));
}

yb_borrower *yb_borrowers_add(yb_borrowers *set, const void *key)
{
    if (set->count == set->bucket_count && !grow(set) && set->bucket_count == 0)
        return NULL;
    yb_borrower *borrower = allocate(set);
    if (!borrower)
        return NULL;
    borrower->key = key;
    borrower->serial = ++set->serial;
    borrower->has_token = false;
    insert(set, borrower);
    set->count++;
    return borrower;
}

void yb_borrowers_remove(yb_borrowers *set, yb_borrower *borrower)
{
    yb_borrower **at = bucket_of(set, borrower->key);
    while (*at != borrower)
        at = &(*at)->next;
    *at = borrower->next;
    set->count--;
    if (borrower->has_token)
        yb_list_unlink(&borrower->links);
    if (set->spare)
        yb_free(borrower);
    else
        set->spare = borrower;
}
