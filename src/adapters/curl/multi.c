/* A thread's multi handle, driven by the loop that the thread runs.
 *
 * States: idle (no transfer: bound to no loop, it keeps connections alive for the next ones) and
 * busy (bound to the running loop through watches and a timer, until its last transfer is taken
 * out).  So it outlives loops, and a loop that ends leaves nothing of it behind.  A third state,
 * failed, follows when curl gives the handle up (a socket that could not be watched): every
 * transfer ends with the failure, and the handle is replaced once the last is out.
 *
 * Only the thread it belongs to touches it. */
#include "multi.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>

#include <yibu/task.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int initialised; /* 0 or -ENOMEM */

static int as_errno(CURLMcode code)
{
    switch (code) {
    case CURLM_OK:
        return 0;
    case CURLM_ADDED_ALREADY:
    case CURLM_RECURSIVE_API_CALL:
        return -EBUSY;
    case CURLM_OUT_OF_MEMORY:
    case CURLM_ABORTED_BY_CALLBACK:
        return -ENOMEM;
    default:
        return -EINVAL;
    }
}

/* --- the time curl waits for ------------------------------------------------------------------ */

static void drop_timer(yb_curl_multi *multi)
{
    if (multi->timer)
        yibu_handle_cancel(multi->timer);
    yibu_handle_unref(multi->timer);
    multi->timer = NULL;
}

static void on_time(void *arg)
{
    yb_curl_multi *multi = arg;
    drop_timer(multi);
    yb_curl_multi_act(multi, CURL_SOCKET_TIMEOUT, 0);
}

/* CURLMOPT_TIMERFUNCTION.  It must not call curl back, so even no delay is a turn of the loop. */
static int set_timer(CURLM *handle, long timeout_ms, void *arg)
{
    (void)handle;
    yb_curl_multi *multi = arg;
    drop_timer(multi);
    if (timeout_ms < 0 || !multi->loop)
        return 0;
    return yibu_call_later(multi->loop, YIBU_MS(timeout_ms), on_time, multi, &multi->timer) < 0 ? -1
                                                                                                : 0;
}

/* --- transfers -------------------------------------------------------------------------------- */

static int compare_transfers(const void *a, const void *b)
{
    const CURL *const *left = a;
    const CURL *const *right = b;
    return (*left > *right) - (*left < *right);
}

static void end_transfer(yb_curl_transfer *transfer, int result)
{
    transfer->result = result;
    yibu_event_set(&transfer->ended);
}

static void end_as_failed(const void *node, VISIT which, void *arg)
{
    yb_curl_transfer *const *transfer = node;
    const yb_curl_multi *multi = arg;
    if (which == preorder || which == leaf)
        end_transfer(*transfer, multi->failure);
}

static void take_results(yb_curl_multi *multi)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi->handle, &left))) {
        yb_curl_transfer *const *found =
            tfind(&message->easy_handle, &multi->transfers, compare_transfers);
        if (message->msg == CURLMSG_DONE && found)
            end_transfer(*found, message->data.result ? YIBU_CURL_ERROR(message->data.result) : 0);
    }
}

void yb_curl_multi_act(yb_curl_multi *multi, curl_socket_t socket, int events)
{
    int running;
    CURLMcode code = curl_multi_socket_action(multi->handle, socket, events, &running);
    if (code != CURLM_OK && multi->failure == 0) {
        multi->failure = as_errno(code);
        twalk_r(multi->transfers, end_as_failed, multi);
    }
    take_results(multi);
}

/* --- the handle's life ------------------------------------------------------------------------ */

static void free_multi(void *arg)
{
    yb_curl_multi *multi = arg;
    if (multi->handle)
        curl_multi_cleanup(multi->handle);
    free(multi);
}

static void initialise(void)
{
    initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK &&
                          pthread_key_create(&key, free_multi) == 0
                      ? 0
                      : -ENOMEM;
}

static bool set_options(yb_curl_multi *multi)
{
    CURLM *handle = multi->handle;
    return curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, yb_curl_on_socket) == CURLM_OK &&
           curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, multi) == CURLM_OK &&
           curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           curl_multi_setopt(handle, CURLMOPT_TIMERDATA, multi) == CURLM_OK;
}

static int new_multi(yb_curl_multi **ret_multi)
{
    yb_curl_multi *multi = calloc(1, sizeof(*multi));
    if (!multi)
        return -ENOMEM;
    multi->handle = curl_multi_init();
    if (!multi->handle || !set_options(multi) || pthread_setspecific(key, multi) != 0) {
        free_multi(multi);
        return -ENOMEM;
    }
    *ret_multi = multi;
    return 0;
}

int yibu_curl_cleanup(void)
{
    if (pthread_once(&once, initialise) != 0 || initialised < 0)
        return 0;
    yb_curl_multi *multi = pthread_getspecific(key);
    if (!multi)
        return 0;
    if (multi->count > 0)
        return -EBUSY;
    pthread_setspecific(key, NULL);
    free_multi(multi);
    return 0;
}

int yb_curl_multi_get(yb_curl_multi **ret_multi)
{
    if (pthread_once(&once, initialise) != 0 || initialised < 0)
        return -ENOMEM;
    yb_curl_multi *multi = pthread_getspecific(key);
    if (multi && multi->failure && multi->count == 0) {
        yibu_curl_cleanup();
        multi = NULL;
    }
    if (!multi)
        return new_multi(ret_multi);
    *ret_multi = multi;
    return multi->failure;
}

CURLM *yibu_curl_multi(void)
{
    yb_curl_multi *multi;
    return yb_curl_multi_get(&multi) == 0 ? multi->handle : NULL;
}

static void release(yb_curl_multi *multi)
{
    if (--multi->count > 0)
        return;
    drop_timer(multi);
    multi->loop = NULL;
}

int yb_curl_transfer_start(yb_curl_multi *multi, yb_curl_transfer *transfer)
{
    yb_curl_transfer **node = tsearch(transfer, &multi->transfers, compare_transfers);
    if (!node)
        return -ENOMEM;
    if (*node != transfer)
        return -EBUSY;
    if (multi->count++ == 0)
        multi->loop = yibu_get_running_loop();
    curl_easy_setopt(transfer->easy, CURLOPT_QUICK_EXIT, 1L);
    CURLMcode code = curl_multi_add_handle(multi->handle, transfer->easy);
    if (code == CURLM_OK)
        return 0;
    tdelete(transfer, &multi->transfers, compare_transfers);
    release(multi);
    return as_errno(code);
}

void yb_curl_transfer_stop(yb_curl_transfer *transfer)
{
    yb_curl_multi *multi = transfer->multi;
    curl_multi_remove_handle(multi->handle, transfer->easy);
    tdelete(transfer, &multi->transfers, compare_transfers);
    release(multi);
}
