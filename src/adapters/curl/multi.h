/* A thread's multi handle, driven by the loop that the thread runs. */
#ifndef YB_CURL_MULTI_H
#define YB_CURL_MULTI_H

#include <stddef.h>

#include <yibu/curl.h>
#include <yibu/event.h>
#include <yibu/loop.h>

typedef struct yb_curl_multi {
    CURLM *handle;
    yibu_loop *loop;    /* while transfers are under way, else NULL */
    yibu_handle *timer; /* NULL: curl waits for no time */
    void *transfers;    /* by easy handle, a tree of tsearch(3) */
    size_t count;       /* of them */
    int failure;        /* why the handle cannot be used any more, 0: it can */
} yb_curl_multi;

/* A transfer under way. */
typedef struct yb_curl_transfer {
    CURL *easy; /* first: what the tree compares */
    yb_curl_multi *multi;
    yibu_event ended;
    int result; /* what yibu_curl_perform returns, once ended */
} yb_curl_transfer;

/* The calling thread's multi handle, made when there is none.  Returns 0 or -ENOMEM. */
int yb_curl_multi_get(yb_curl_multi **ret_multi);

/* Begins a transfer.  Returns 0 or a negative errno; then nothing was begun. */
int yb_curl_transfer_start(yb_curl_multi *multi, yb_curl_transfer *transfer);

/* Takes a transfer out, ended or not. */
void yb_curl_transfer_stop(yb_curl_transfer *transfer);

/* Tells curl what happened: bits of CURL_CSELECT_ on a socket, or the time it asked for. */
void yb_curl_multi_act(yb_curl_multi *multi, curl_socket_t socket, int events);

/* CURLMOPT_SOCKETFUNCTION; its arg is the yb_curl_multi, known what socket.c keeps of the socket.
 */
int yb_curl_on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *known);

#endif
