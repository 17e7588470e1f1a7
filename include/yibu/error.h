/* Yibu's own error codes, beside errno's.  All are negative, so a function returns them as is. */
#ifndef YIBU_ERROR_H
#define YIBU_ERROR_H

#include <yibu/base.h>

enum {
    YIBU_ENOTASK = -4096,   /* the call suspends, and the caller is not a task of a running loop */
    YIBU_EFORKED = -4097,   /* the runtime was inherited through fork: the child cannot use it */
    YIBU_ESHUTDOWN = -4098, /* a queue, pool or loop was shut down */
    YIBU_EWORKER = -4099,   /* the worker process running the job died */
    YIBU_ENOJOB = -4100,    /* the worker does not know a job of that name */
    YIBU_EBUSY = -4101,     /* the object is in use by a loop that is running */
    YIBU_EBROKEN = -4102,   /* the barrier was aborted, or reset while the task waited */
    YIBU_EINCOMPLETE = -4103, /* the stream ended before all that was asked for had come */
    YIBU_ELIMIT = -4104,      /* the separator did not come within the stream's limit */
    YIBU_EBROKENPOOL = -4105, /* the pool's workers cannot be set up: a job that does so failed */
    YIBU_ENOTHREAD = -4106,   /* the call is for functions that run on a thread for a loop */

    /* Name resolution (RFC 3493, section 6.1): getaddrinfo's EAI_ codes. */
    YIBU_EAI_AGAIN = -4200,    /* temporary failure in name resolution */
    YIBU_EAI_BADFLAGS = -4201, /* bad flags in the hints */
    YIBU_EAI_FAIL = -4202,     /* non-recoverable failure in name resolution */
    YIBU_EAI_FAMILY = -4203,   /* address family not supported */
    YIBU_EAI_NONAME = -4204,   /* name or service not known */
    YIBU_EAI_SERVICE = -4205,  /* service not supported for the socket type */
    YIBU_EAI_SOCKTYPE = -4206, /* socket type not supported */
    YIBU_EAI_OTHER = -4207,    /* another failure of the resolver */

    /* [-12287, -8192] belongs to adapters (libyibu-curl: -8192 - CURLcode). */
    YIBU_EADAPTER = -8192
};

YIBU_BEGIN_DECLS

/* A sentence for any failure code, errno's included; never NULL.  Context: any thread. */
YIBU_API const char *yibu_strerror(intptr_t code);

/* The code's name, "ECANCELED" or "YIBU_EWORKER"; "EUNKNOWN" where there is none.
 * Context: any thread. */
YIBU_API const char *yibu_error_name(intptr_t code);

/* What getaddrinfo(3) and getnameinfo(3) have returned as one of these codes: 0, a YIBU_EAI_ code,
 * or a negative errno, which for EAI_SYSTEM is errno's.  For resolvers of one's own.
 * Context: any thread. */
YIBU_API int yibu_eai_error(int eai);

YIBU_END_DECLS

#endif
