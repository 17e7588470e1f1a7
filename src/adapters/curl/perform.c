/* A transfer, as a call that suspends.  What curl and the loop point to is on the heap, so that a
 * suspended task's stack holds nothing of ours. */
#include <errno.h>
#include <stdlib.h>

#include "multi.h"
#include <yibu/task.h>

static int wait_for_end(yb_curl_transfer *transfer)
{
    int error = yibu_event_wait(&transfer->ended);
    return error < 0 ? error : transfer->result;
}

int yibu_curl_perform(CURL *easy)
{
    if (!easy)
        return -EINVAL;
    if (!yibu_current_task())
        return YIBU_ENOTASK;
    if (yibu_check_cancelled() < 0)
        return yibu_yield();

    yb_curl_multi *multi;
    int error = yb_curl_multi_get(&multi);
    if (error < 0)
        return error;
    yb_curl_transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer)
        return -ENOMEM;
    *transfer = (yb_curl_transfer){.easy = easy, .multi = multi, .ended = YIBU_EVENT_INIT};
    error = yb_curl_transfer_start(multi, transfer);
    if (error == 0) {
        error = wait_for_end(transfer);
        yb_curl_transfer_stop(transfer);
    }
    free(transfer);
    return error;
}
