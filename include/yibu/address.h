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

/* getaddrinfo(3) on a thread of the pool, so that the loop goes on.
 * Checkpoint.  Cancel: returns at once; the thread finishes alone and its answer is freed.
 * The list belongs to the caller, who frees it with freeaddrinfo.
 * Returns 0, -ECANCELED, -ENOMEM, or a YIBU_EAI_ code. */
YIBU_API int yibu_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                              struct addrinfo **ret_list);

/* The callback form of yibu_getaddrinfo.  host, service and hints are copied; *ret_list is written
 * before the callback is called with 0, and left untouched otherwise. */
YIBU_API int yibu_op_getaddrinfo(yibu_loop *loop, yibu_op *op, const char *host,
                                 const char *service, const struct addrinfo *hints,
                                 struct addrinfo **ret_list);

YIBU_END_DECLS

#endif
