/* libcurl's transfers as calls that suspend a task (libyibu-curl: link it beside libcurl).
 *
 *     CURL *easy = curl_easy_init();
 *     curl_easy_setopt(easy, CURLOPT_URL, "https://www.debian.org/");
 *     int r = yibu_curl_perform(easy);   // as curl_easy_perform, and other tasks go on
 *     if (r < 0)
 *         fprintf(stderr, "%s\n", yibu_curl_strerror(r));
 *     curl_easy_cleanup(easy);
 *
 * An easy handle is set up as everyone knows.  The transfers of one thread share connections, TLS
 * sessions and resolved names.  The handle's callbacks run on the loop: they must not suspend, and
 * what they take long for, the whole loop waits for. */
#ifndef YIBU_CURL_H
#define YIBU_CURL_H

#include <curl/curl.h>
#include <yibu/base.h>
#include <yibu/error.h>

/* The failure that stands for a CURLcode: r == YIBU_CURL_ERROR(CURLE_COULDNT_CONNECT). */
#define YIBU_CURL_ERROR(code) (YIBU_EADAPTER - (int)(code))

YIBU_BEGIN_DECLS

/* Performs the transfer that easy describes, as curl_easy_perform does.  Sets CURLOPT_QUICK_EXIT,
 * so that a cancel does not wait for a resolver's thread.  easy must not be used by anyone else
 * until the call returns, and can be used again afterwards.
 * Checkpoint.  Cancel: the transfer is broken off and its connection closed; easy is reusable.
 * Returns 0; -ECANCELED; YIBU_CURL_ERROR of the CURLcode; YIBU_ENOTASK; -EINVAL for NULL; -EBUSY
 * where easy is under way already; -ENOMEM. */
YIBU_API int yibu_curl_perform(CURL *easy);

/* The multi handle of this thread's transfers, to set its limits (CURLMOPT_MAXCONNECTS,
 * CURLMOPT_MAX_HOST_CONNECTIONS …); its socket and timer functions are Yibu's.  It belongs to the
 * thread, until yibu_curl_cleanup.
 * Never suspends.  Returns NULL where there is no memory. */
YIBU_API CURLM *yibu_curl_multi(void);

/* Closes the connections that this thread keeps for later transfers and frees what they need.
 * Done at a thread's end without being called, but for the main thread, whose end is the process's.
 * Never suspends.  Context: a thread, inside or outside of its loop, not from a curl callback.
 * Returns 0, or -EBUSY while transfers are under way. */
YIBU_API int yibu_curl_cleanup(void);

/* A sentence for any failure code, libcurl's and Yibu's; never NULL.  Context: any thread. */
YIBU_API const char *yibu_curl_strerror(intptr_t code);

YIBU_END_DECLS

#endif
