/* Answers kept for as long as they are good: a tree by question, and a list by use.  Its memory is
 * bounded: so many answers, none of them larger than a few pages. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

enum { MAX_MESSAGE = 4096 };

struct yb_dns_cached {
    yb_dns_question question; /* first */
    TAILQ_ENTRY(yb_dns_cached) links;
    yb_dns_message *message;
    char name[];
};

int yb_dns_question_compare(const void *a, const void *b)
{
    const yb_dns_question *left = a, *right = b;
    if (left->type != right->type)
        return left->type < right->type ? -1 : 1;
    return strcmp(left->name, right->name);
}

static yb_dns_cached *find(yb_dns_cache *cache, const yb_dns_question *question)
{
    yb_dns_cached *const *found = tfind(question, &cache->tree, yb_dns_question_compare);
    return found ? *found : NULL;
}

static void drop(yb_dns_cache *cache, yb_dns_cached *cached)
{
    tdelete(cached, &cache->tree, yb_dns_question_compare);
    TAILQ_REMOVE(&cache->used, cached, links);
    cache->count--;
    yb_dns_message_unref(cached->message);
    free(cached);
}

yb_dns_message *yb_dns_cache_get(yibu_dns *dns, const yb_dns_question *question)
{
    yb_dns_cache *cache = &dns->cache;
    yb_dns_cached *cached = find(cache, question);
    if (!cached)
        return NULL;
    if (cached->message->expires_ns <= yibu_loop_time(dns->loop)) {
        drop(cache, cached);
        return NULL;
    }
    TAILQ_REMOVE(&cache->used, cached, links);
    TAILQ_INSERT_HEAD(&cache->used, cached, links);
    dns->stats.cache_hits++;
    return yb_dns_message_ref(cached->message);
}

/* What does not fit, or finds no memory, is not kept. */
void yb_dns_cache_put(yibu_dns *dns, const yb_dns_question *question, yb_dns_message *message)
{
    yb_dns_cache *cache = &dns->cache;
    if (cache->max == 0 || message->expires_ns == 0 || message->size > MAX_MESSAGE)
        return;
    yb_dns_cached *old = find(cache, question);
    if (old)
        drop(cache, old);
    size_t size = strlen(question->name) + 1;
    yb_dns_cached *cached = calloc(1, sizeof(*cached) + size);
    if (!cached)
        return;
    memcpy(cached->name, question->name, size);
    cached->question = (yb_dns_question){cached->name, question->type};
    if (!tsearch(cached, &cache->tree, yb_dns_question_compare)) {
        free(cached);
        return;
    }
    cached->message = yb_dns_message_ref(message);
    TAILQ_INSERT_HEAD(&cache->used, cached, links);
    if (++cache->count > cache->max)
        drop(cache, TAILQ_LAST(&cache->used, yb_dns_cached_list));
}

void yb_dns_cache_flush(yibu_dns *dns)
{
    yb_dns_cache *cache = &dns->cache;
    while (!TAILQ_EMPTY(&cache->used))
        drop(cache, TAILQ_FIRST(&cache->used));
}
