/* A call of the user's: in the callback form, where it has an operation, or that of a task that
 * waits.
 *
 * It is UNDER WAY, in dns->requests; ENDED, with its result, in dns->ended, where its user does not
 * know yet; and gone.  A cancel frees it in either state. */
#ifndef YB_DNS_REQUEST_H
#define YB_DNS_REQUEST_H

#include "dns.h"

#include <yibu/event.h>

typedef struct yb_dns_request_class {
    void (*stop)(yb_dns_request *request);    /* leaves the flights; asks nothing any more */
    void (*deliver)(yb_dns_request *request); /* writes what was found where the user wants it */
    void (*free)(yb_dns_request *request);    /* with what was found and not delivered */
} yb_dns_request_class;

struct yb_dns_request {
    TAILQ_ENTRY(yb_dns_request) links;
    yibu_dns *dns; /* not to be touched once the user has been told */
    const yb_dns_request_class *class;
    yibu_op *op; /* NULL: a task waits for `told` */
    yibu_event told;
    bool ended;
    int result;
};

/* Whether anything may be asked: 0 or a failure. */
int yb_dns_request_check(const yibu_dns *dns);

/* Puts a new request among those under way. */
void yb_dns_request_begin(yibu_dns *dns, yb_dns_request *request,
                          const yb_dns_request_class *class);

/* Ends it; its user hears in yb_dns_settle. */
void yb_dns_request_end(yb_dns_request *request, int result);

/* Tells the user of one that has ended. */
void yb_dns_request_tell(yb_dns_request *request);

/* What calls of a task begin with: 0; YIBU_ENOTASK; or -ECANCELED, with a turn of the loop. */
int yb_dns_request_enter(void);

/* What a user's own operation begins with: 0 or -EINVAL. */
int yb_dns_request_prepare_op(yibu_op *op);

/* Hands a request that has begun to its user's operation, or makes the calling task wait for it.
 * Returns 0 or a failure; what the task waited for. */
int yb_dns_request_start_op(yb_dns_request *request, yibu_op *op);
int yb_dns_request_wait(yb_dns_request *request);

/* The functions of a yibu_resolver; arg is the yibu_dns. */
int yb_dns_begin_addresses(yibu_loop *loop, yibu_op *op, const char *host, const char *service,
                           const struct addrinfo *hints, struct addrinfo **ret_list, void *arg);
int yb_dns_begin_name(yibu_loop *loop, yibu_op *op, const yibu_address *address, int flags,
                      char *ret_host, size_t host_size, char *ret_service, size_t service_size,
                      void *arg);

#endif
