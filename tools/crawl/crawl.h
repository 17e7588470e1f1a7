/* A crawl: pages fetched in coroutines, parsed in threads, digested in processes. */
#ifndef CRAWL_CRAWL_H
#define CRAWL_CRAWL_H

#include <signal.h>

#include "archive_file.h"
#include "fetch.h"
#include "frontier.h"
#include "trace.h"
#include <yibu.h>

struct crawl_options {
    struct fetch_options fetch;
    struct frontier_limits limits;
    unsigned concurrency; /* pages fetched at once */
    unsigned level;       /* of compression */
    bool on_the_loop;     /* parse and digest where the loop runs, to see why one should not */
    bool progress;        /* a line on the terminal */
};

struct crawl_totals {
    uint64_t fetched; /* pages that answered */
    uint64_t bytes;   /* of content, decoded */
    uint64_t compressed_bytes;
    int64_t elapsed_ns;
    bool interrupted;
    int error; /* why the crawl could not go on, 0: it did */
};

struct crawl {
    const struct crawl_options *options;
    struct frontier frontier;
    struct fetcher fetcher;
    struct archive_file *archive; /* NULL: none */
    struct trace *trace;          /* who worked when; NULL: nobody asks */
    struct crawl_totals totals;

    /* While it runs. */
    yibu_event idle;          /* set when no visit is left */
    yibu_semaphore writing;   /* one piece of the archive at a time */
    struct visit *visits;     /* that run */
    struct digester digester; /* of work on the loop */
    unsigned fetching;        /* visits that fetch */
    unsigned working;         /* visits that parse and digest */
    size_t held_bytes;        /* bodies of those */
    bool stopping;            /* no new visits */
};

/* A crawl from URLs in normal form.  Runs a loop of its own on the calling thread until everything
 * is visited or SIGINT or SIGTERM ends it early; then the frontier holds what was found.
 * Returns 0, also for a crawl that ended early, or a negative errno where none could be started. */
int crawl_run(struct crawl *crawl, const struct string_list *starts,
              const yibu_loop_options *loop_options);

void crawl_free(struct crawl *crawl);

#endif
