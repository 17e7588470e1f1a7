/* Socket addresses, and names resolved to them. */
#ifndef YIBU_ADDRESS_H
#define YIBU_ADDRESS_H

#include <sys/socket.h>
#include <yibu/base.h>
#include <yibu/op.h>

struct addrinfo;

/* An address of any family, by value. */
struct yibu_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* Room for any address yibu_address_format writes: brackets, scope, port and a final NUL. */
#define YIBU_ADDRESS_TEXT 128

YIBU_BEGIN_DECLS

/* Reads a numeric IPv4 or IPv6 address (RFC 4291 text form, scope id allowed) and a port.
 * A NULL or empty text means every local address (IPv6 with IPv4 mapped where there is IPv6).
 * Never suspends.  Context: any thread.  Returns 0, or -EINVAL where the text is no address. */
YIBU_API int yibu_address_parse(const char *text, uint16_t port, yibu_address *ret_address);

/* Writes "192.0.2.1:80", "[2001:db8::1]:80" (RFC 5952) or "unix:/path"; always NUL-terminated.
 * Never suspends.  Context: any thread.  Returns the length, or -ENOSPC. */
YIBU_API int yibu_address_format(const yibu_address *address, char *ret_text, size_t size);

/* The port of an IPv4 or IPv6 address, 0 for others.  Context: any thread. */
YIBU_API uint16_t yibu_address_port(const yibu_address *address);

/* The address a socket is bound to (the port the kernel chose, too).
 * Never suspends.  Context: any thread.  Returns 0 or a negative errno. */
YIBU_API int yibu_getsockname(int fd, yibu_address *ret_address);

/* getaddrinfo(3), all of it, on a thread, so that the loop goes on.  The threads look names up and
 * do nothing else, as many as the loop's max_threads at most; more look-ups wait in line.
 * Checkpoint.  Cancel: returns at once; one that a thread is at cannot be stopped, so that thread
 * stays busy until libc returns (with resolv.conf's defaults after 5 s a try and server), and the
 * answer is freed.  The list belongs to the caller, who frees it with freeaddrinfo.
 * Returns 0, -ECANCELED, -ENOMEM, or a YIBU_EAI_ code; from a resolver of the loop also its own. */
YIBU_API int yibu_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                              struct addrinfo **ret_list);

/* The callback form of yibu_getaddrinfo.  host, service and hints are copied; *ret_list is written
 * before the callback is called with 0, and left untouched otherwise. */
YIBU_API int yibu_op_getaddrinfo(yibu_loop *loop, yibu_op *op, const char *host,
                                 const char *service, const struct addrinfo *hints,
                                 struct addrinfo **ret_list);

/* getnameinfo(3) on such a thread: the names of an address and of its port, with flags NI_….
 * ret_host and ret_service may be NULL, not both; NI_MAXHOST and NI_MAXSERV bytes are always
 * enough.
 * Checkpoint.  Cancel: as yibu_getaddrinfo; nothing is written.
 * Returns 0, -ENOSPC where a name does not fit, -ECANCELED, -ENOMEM, or a YIBU_EAI_ code. */
YIBU_API int yibu_getnameinfo(const yibu_address *address, int flags, char *ret_host,
                              size_t host_size, char *ret_service, size_t service_size);

/* The callback form of yibu_getnameinfo.  address is copied; the names are written before the
 * callback is called with 0. */
YIBU_API int yibu_op_getnameinfo(yibu_loop *loop, yibu_op *op, const yibu_address *address,
                                 int flags, char *ret_host, size_t host_size, char *ret_service,
                                 size_t service_size);

/* Who looks names up in libc's place.  A function that is NULL is libc's still.  Each is the
 * callback form of its namesake: it marks op as under way with yibu_op_begin, returns 0, and ends
 * it later with yibu_op_complete; or it returns a failure and has begun nothing.  Lists are such
 * that freeaddrinfo frees them.  Set size to sizeof. */
typedef struct yibu_resolver {
    size_t size;
    int (*getaddrinfo)(yibu_loop *loop, yibu_op *op, const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **ret_list, void *arg);
    int (*getnameinfo)(yibu_loop *loop, yibu_op *op, const yibu_address *address, int flags,
                       char *ret_host, size_t host_size, char *ret_service, size_t service_size,
                       void *arg);
    void *arg;
} yibu_resolver;

/* Makes every look-up of the loop from now on, also those of yibu_open_connection, yibu_tcp_connect
 * and yibu_start_server, the resolver's; NULL: libc's again.  *resolver stays where it is until
 * another one takes its place; look-ups that are under way stay with the one that began them.
 * Never suspends.  Context: the loop's thread.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_loop_set_resolver(yibu_loop *loop, const yibu_resolver *resolver);

/* The resolver that was set, or NULL. */
YIBU_API const yibu_resolver *yibu_loop_get_resolver(const yibu_loop *loop);

YIBU_END_DECLS

#endif
