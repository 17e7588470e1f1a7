/* One page fetched over HTTP: tried again where that may help, limited in time and size.
 *
 * Redirects are not followed here: each is a page of its own, which the frontier knows. */
#include "fetch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yibu.h>
#include <yibu/curl.h>

#define FIRST_PAUSE YIBU_MS(500)
#define LONGEST_PAUSE YIBU_SECONDS(30)

/* --- transports ------------------------------------------------------------------------------- */

static int perform_in_task(CURL *easy, int64_t timeout_ns)
{
    yibu_timeout limit;
    yibu_timeout_begin(&limit, timeout_ns);
    return (int)yibu_timeout_end(&limit, yibu_curl_perform(easy));
}

static int perform_in_thread(CURL *easy, int64_t timeout_ns)
{
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(timeout_ns / 1000000));
    CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return -ETIMEDOUT;
    return code == CURLE_OK ? 0 : YIBU_CURL_ERROR(code);
}

static int sleep_in_thread(int64_t delay_ns)
{
    struct timespec delay = {delay_ns / 1000000000, delay_ns % 1000000000};
    nanosleep(&delay, NULL);
    return 0;
}

const struct fetch_transport fetch_in_task = {perform_in_task, yibu_sleep};
const struct fetch_transport fetch_in_thread = {perform_in_thread, sleep_in_thread};

/* --- handles ---------------------------------------------------------------------------------- */

struct transfer {
    struct response *response;
    size_t max_body;
};

/* CURLOPT_WRITEFUNCTION. */
static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct response *response = transfer->response;
    size *= count;
    if (size > transfer->max_body - response->body.size) {
        response->too_large = true;
        return 0;
    }
    return yibu_buffer_append(&response->body, data, size) < 0 ? 0 : size;
}

static CURL *new_handle(const struct fetch_options *options)
{
    CURL *easy = curl_easy_init();
    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_FILETIME, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)options->max_body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    if (options->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (options->direct)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->insecure ? 0L : 2L);
    return easy;
}

static CURL *take_handle(struct fetcher *fetcher)
{
    if (fetcher->count > 0)
        return fetcher->idle[--fetcher->count];
    return new_handle(fetcher->options);
}

static void give_handle_back(struct fetcher *fetcher, CURL *easy)
{
    if (fetcher->count == fetcher->capacity) {
        size_t capacity = fetcher->capacity ? 2 * fetcher->capacity : 16;
        CURL **idle = reallocarray(fetcher->idle, capacity, sizeof(*idle));
        if (!idle) {
            curl_easy_cleanup(easy);
            return;
        }
        fetcher->idle = idle;
        fetcher->capacity = capacity;
    }
    fetcher->idle[fetcher->count++] = easy;
}

void fetcher_free(struct fetcher *fetcher)
{
    while (fetcher->count > 0)
        curl_easy_cleanup(fetcher->idle[--fetcher->count]);
    free(fetcher->idle);
    *fetcher = (struct fetcher){0};
}

/* --- responses -------------------------------------------------------------------------------- */

/* "Text/HTML; charset=utf-8" is text/html. */
static char *media_type(const char *header)
{
    char *type = strndup(header, strcspn(header, "; \t"));
    for (char *letter = type; letter && *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    return type;
}

static void read_head(CURL *easy, struct response *response)
{
    long status = 0;
    curl_off_t modified = -1;
    curl_off_t elapsed_us = 0;
    curl_off_t retry_after_s = 0;
    char *text = NULL;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_FILETIME_T, &modified);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &elapsed_us);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    response->status = (int)status;
    response->modified_s = modified >= 0 ? modified : time(NULL);
    response->elapsed_ns = YIBU_US(elapsed_us);
    response->retry_after_ns = YIBU_SECONDS(retry_after_s);
    if (curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text)
        response->type = media_type(text);
    if (curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &text) == CURLE_OK && text)
        response->location = strdup(text);
}

static void explain(struct response *response, const struct fetch_options *options)
{
    if (response->error == -ETIMEDOUT)
        snprintf(response->reason, sizeof(response->reason), "timed out after %g s%s",
                 (double)options->timeout_ns / 1e9,
                 response->body.size > 0 ? ", in the middle of the page" : "");
    else if (!*response->reason)
        snprintf(response->reason, sizeof(response->reason), "%s",
                 yibu_curl_strerror(response->error));
}

static void clear(struct response *response)
{
    free(response->type);
    free(response->location);
    response->body.size = 0;
    yibu_buffer body = response->body;
    *response = (struct response){.body = body};
}

/* What a transfer's end means.  A body at the limit is an answer, if not a whole one. */
static int judge(CURL *easy, struct response *response, int result)
{
    if (result == -ECANCELED || result == -ENOMEM)
        return result;
    if (result == YIBU_CURL_ERROR(CURLE_FILESIZE_EXCEEDED))
        response->too_large = true;
    if (result == YIBU_CURL_ERROR(CURLE_WRITE_ERROR) && !response->too_large)
        return -ENOMEM;
    read_head(easy, response);
    response->error = response->too_large ? 0 : result;
    return 0;
}

static int try_once(struct fetcher *fetcher, const char *url, struct response *response)
{
    const struct fetch_options *options = fetcher->options;
    struct transfer transfer = {response, options->max_body};
    CURL *easy = take_handle(fetcher);
    if (!easy)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, response->reason);
    int result = options->transport->perform(easy, options->timeout_ns);
    result = judge(easy, response, result);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    give_handle_back(fetcher, easy);
    if (result == 0 && response->error < 0)
        explain(response, options);
    return result;
}

/* --- trying again ----------------------------------------------------------------------------- */

static bool may_pass(const struct response *response)
{
    switch (response->error) {
    case 0:
        return response->status == 429 || response->status == 502 || response->status == 503 ||
               response->status == 504;
    case -ETIMEDOUT:
    case YIBU_CURL_ERROR(CURLE_COULDNT_CONNECT):
    case YIBU_CURL_ERROR(CURLE_SEND_ERROR):
    case YIBU_CURL_ERROR(CURLE_RECV_ERROR):
    case YIBU_CURL_ERROR(CURLE_GOT_NOTHING):
    case YIBU_CURL_ERROR(CURLE_PARTIAL_FILE):
        return true;
    default:
        return false;
    }
}

/* Twice as long each time, and at least as long as the server asks for. */
static int64_t next_pause(int64_t last_ns, const struct response *response)
{
    int64_t pause = last_ns ? 2 * last_ns : FIRST_PAUSE;
    if (pause < response->retry_after_ns)
        pause = response->retry_after_ns;
    return pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
}

int fetch(struct fetcher *fetcher, const char *url, struct response *ret_response)
{
    const struct fetch_options *options = fetcher->options;
    struct response response = {0};
    int result = try_once(fetcher, url, &response);
    int64_t pause = 0;
    for (unsigned left = options->retries; result == 0 && left > 0 && may_pass(&response); left--) {
        pause = next_pause(pause, &response);
        clear(&response);
        result = options->transport->sleep(pause);
        if (result == 0)
            result = try_once(fetcher, url, &response);
    }
    if (result == 0)
        *ret_response = response;
    else
        response_free(&response);
    return result;
}

void response_free(struct response *response)
{
    free(response->type);
    free(response->location);
    yibu_buffer_free(&response->body);
    *response = (struct response){0};
}
