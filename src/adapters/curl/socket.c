/* The sockets that curl wants watched, each a reader and a writer of the loop.
 *
 * A watch belongs to curl, which keeps it beside the socket from the first mention to
 * CURL_POLL_REMOVE.  curl says that before it closes the socket, so a number that the kernel hands
 * out again always starts with a watch of its own.  A watch may be removed from inside its own
 * callback: nothing touches it after curl was told. */
#include <stdlib.h>

#include "multi.h"

struct watch {
    yb_curl_multi *multi;
    curl_socket_t socket;
    int events; /* CURL_POLL_IN and CURL_POLL_OUT that the loop watches for */
};

static void on_readable(void *arg)
{
    struct watch *watch = arg;
    yb_curl_multi_act(watch->multi, watch->socket, CURL_CSELECT_IN);
}

static void on_writable(void *arg)
{
    struct watch *watch = arg;
    yb_curl_multi_act(watch->multi, watch->socket, CURL_CSELECT_OUT);
}

static int set_reader(struct watch *watch, int wanted)
{
    if (wanted)
        return yibu_add_reader(watch->multi->loop, watch->socket, on_readable, watch);
    return yibu_remove_reader(watch->multi->loop, watch->socket);
}

static int set_writer(struct watch *watch, int wanted)
{
    if (wanted)
        return yibu_add_writer(watch->multi->loop, watch->socket, on_writable, watch);
    return yibu_remove_writer(watch->multi->loop, watch->socket);
}

/* Makes the loop watch for events, and for nothing else.  Returns a negative errno on failure. */
static int watch_for(struct watch *watch, int events)
{
    int changed = events ^ watch->events;
    int error = 0;
    if (changed & CURL_POLL_IN)
        error = set_reader(watch, events & CURL_POLL_IN);
    if (error >= 0 && changed & CURL_POLL_OUT)
        error = set_writer(watch, events & CURL_POLL_OUT);
    if (error >= 0)
        watch->events = events;
    return error;
}

static struct watch *new_watch(yb_curl_multi *multi, curl_socket_t socket)
{
    struct watch *created = malloc(sizeof(*created));
    if (!created)
        return NULL;
    *created = (struct watch){.multi = multi, .socket = socket};
    if (curl_multi_assign(multi->handle, socket, created) == CURLM_OK)
        return created;
    free(created);
    return NULL;
}

static void remove_watch(struct watch *watch)
{
    if (!watch)
        return;
    yibu_remove_reader(watch->multi->loop, watch->socket);
    yibu_remove_writer(watch->multi->loop, watch->socket);
    free(watch);
}

int yb_curl_on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *known)
{
    (void)easy;
    struct watch *watch = known;
    if (what == CURL_POLL_REMOVE) {
        remove_watch(watch);
        return 0;
    }
    if (!watch)
        watch = new_watch(arg, socket);
    return watch && watch_for(watch, what & CURL_POLL_INOUT) >= 0 ? 0 : -1;
}
