/* One page fetched over HTTP: tried again where that may help, limited in time and size. */
#ifndef CRAWL_FETCH_H
#define CRAWL_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <yibu/process_pool.h>

/* How a transfer waits: suspending a task, or blocking a thread. */
struct fetch_transport {
    int (*perform)(CURL *easy, int64_t timeout_ns); /* as yibu_curl_perform, or -ETIMEDOUT */
    int (*sleep)(int64_t delay_ns);                 /* as yibu_sleep */
};

extern const struct fetch_transport fetch_in_task;
extern const struct fetch_transport fetch_in_thread;

struct fetch_options {
    const struct fetch_transport *transport;
    const char *user_agent;
    const char *ca_file; /* NULL: the system's */
    bool insecure;       /* any certificate will do */
    bool direct;         /* no proxy */
    int64_t timeout_ns;  /* of one try */
    unsigned retries;
    size_t max_body;
};

/* Handles that wait for their next transfer.  Used by one thread. */
struct fetcher {
    const struct fetch_options *options;
    CURL **idle;
    size_t count;
    size_t capacity;
};

struct response {
    int error;              /* negative: no answer, and reason says why */
    int status;             /* HTTP's */
    bool too_large;         /* the body was cut off at the limit */
    char *type;             /* its media type in lower case, without parameters; NULL: not said */
    char *location;         /* where it redirects to, absolute; NULL: nowhere */
    int64_t modified_s;     /* when the page says that it was changed, else when it was fetched */
    int64_t elapsed_ns;     /* of the last try */
    int64_t retry_after_ns; /* what the server asks for, 0: nothing */
    yibu_buffer body;       /* decoded */
    char reason[CURL_ERROR_SIZE];
};

/* Fetches.  Waits as the transport does; with fetch_in_task a checkpoint.
 * Returns 0 with a response, whatever it holds, which response_free frees; -ECANCELED; -ENOMEM. */
int fetch(struct fetcher *fetcher, const char *url, struct response *ret_response);

void response_free(struct response *response);
void fetcher_free(struct fetcher *fetcher);

#endif
