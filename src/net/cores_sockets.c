/* The sockets that the loops of a server on many cores listen on.
 *
 * They are bound before any loop starts, so that what is in use is said at once and the port is
 * known, and listen when all loops are ready.
 *
 * A TCP socket that closes resets what waits in its line, so it is made deaf first, by a filter
 * that drops whoever begins a handshake (a SYN), while those that have begun go on.  Of a Unix
 * socket the reading side is shut down: then connect(2) is refused, and what is in line can be
 * accepted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yibu/io.h>
#include <yibu/runner.h>

#include "base/memory.h"
#include "net/cores.h"
#include "net/tcp.h"
#include "net/unix_address.h"
#include "task/task.h"

static int make_room(yibu_cores *cores, size_t addresses)
{
    size_t count = cores->count * addresses;
    cores->sockets = yb_calloc(count, sizeof(*cores->sockets));
    if (!cores->sockets)
        return -ENOMEM;
    cores->addresses = addresses;
    for (size_t i = 0; i < count; i++)
        cores->sockets[i] = -1;
    return 0;
}

/* TCP. */

static int set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* every: an IPv6 address takes IPv4 too. */
static int bind_socket(int fd, const yibu_address *address, bool every)
{
    int r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0)
        r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && address->storage.ss_family == AF_INET6)
        r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !every);
    if (r < 0)
        return r;
    return bind(fd, (const struct sockaddr *)&address->storage, address->length) < 0 ? -errno : 0;
}

static int new_bound_socket(const yibu_address *address, bool every)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(address->storage.ss_family, type, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    int r = bind_socket(fd, address, every);
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}

static void set_port(yibu_address *address, uint16_t port)
{
    /* The port is at the same place in both families (RFC 3493, 3.3). */
    ((struct sockaddr_in *)(void *)&address->storage)->sin_port = htons(port);
}

/* A socket of each core for the address, which is the index-th. */
static int bind_all(yibu_cores *cores, size_t index, yibu_address address, bool every)
{
    for (unsigned i = 0; i < cores->count; i++) {
        if (cores->port)
            set_port(&address, cores->port);
        int fd = new_bound_socket(&address, every);
        if (fd < 0)
            return fd;
        cores->sockets[i * cores->addresses + index] = fd;
        yibu_address bound;
        int r = cores->port ? 0 : yibu_getsockname(fd, &bound);
        if (r < 0)
            return r;
        if (!cores->port)
            cores->port = yibu_address_port(&bound); /* which the kernel may have chosen */
    }
    return 0;
}

/* An address that the resolver knows and this machine does not have is no failure, where there is
 * another. */
static bool is_missing(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int bind_list(yibu_cores *cores, const struct addrinfo *list)
{
    size_t count = 0, index = 0;
    for (const struct addrinfo *at = list; at; at = at->ai_next)
        count++;
    int r = make_room(cores, count), missing = 0;
    bool any = false;
    for (const struct addrinfo *at = list; r == 0 && at; at = at->ai_next, index++) {
        yibu_address address = {.length = at->ai_addrlen};
        memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        r = bind_all(cores, index, address, false);
        any |= r == 0;
        if (is_missing(r)) {
            missing = r;
            r = 0;
        }
    }
    return r == 0 && !any ? missing : r;
}

typedef struct name {
    const char *host;
    uint16_t port;
    struct addrinfo *list;
} name;

static intptr_t look_up(void *arg)
{
    name *n = arg;
    return yb_tcp_resolve(n->host, n->port, AI_PASSIVE, &n->list);
}

/* Names are looked up in a task; a thread that has none runs one. */
static int resolve(name *n)
{
    if (yb_task_current)
        return (int)look_up(n);
    if (yb_loop_current)
        return (int)yibu_run_until_complete(yb_loop_current, look_up, n);
    return (int)yibu_run(look_up, n, NULL);
}

int yb_cores_bind_tcp(yibu_cores *cores, const char *host, uint16_t port)
{
    yibu_address address;
    cores->port = port;
    if (yibu_address_parse(host, port, &address) == 0) {
        int r = make_room(cores, 1);
        return r < 0 ? r : bind_all(cores, 0, address, !host || !host[0]);
    }
    name n = {.host = host, .port = port};
    int r = resolve(&n);
    if (r < 0)
        return r;
    r = bind_list(cores, n.list);
    freeaddrinfo(n.list);
    return r;
}

/* Unix sockets. */

/* Notes which file the path is now, to remove no other one. */
static int remember(yibu_cores *cores, const char *path)
{
    struct stat file;
    if (path[0] == '@')
        return 0;
    int r = lstat(path, &file) < 0 ? -errno : 0;
    cores->path = yb_strdup(path);
    if (r < 0 || !cores->path) {
        (void)unlink(path);
        return r < 0 ? r : -ENOMEM;
    }
    cores->device = file.st_dev;
    cores->inode = file.st_ino;
    return 0;
}

/* One socket, under a descriptor of each core's. */
static int share(yibu_cores *cores)
{
    for (unsigned i = 1; i < cores->count; i++) {
        cores->sockets[i] = fcntl(cores->sockets[0], F_DUPFD_CLOEXEC, 0);
        if (cores->sockets[i] < 0)
            return -errno;
    }
    return 0;
}

int yb_cores_bind_unix(yibu_cores *cores, const char *path)
{
    yibu_address address;
    cores->is_unix = cores->balance = true;
    int r = yb_unix_address(path, &address);
    if (r == 0)
        r = make_room(cores, 1);
    if (r < 0)
        return r;
    int fd = yb_unix_socket(SOCK_STREAM);
    if (fd < 0)
        return fd;
    cores->sockets[0] = fd;
    r = yb_unix_bind_to(fd, path, &address);
    if (r == 0)
        r = remember(cores, path);
    return r < 0 ? r : share(cores);
}

void yb_cores_remove_path(yibu_cores *cores)
{
    struct stat now;
    if (cores->path && lstat(cores->path, &now) == 0 && now.st_dev == cores->device &&
        now.st_ino == cores->inode)
        (void)unlink(cores->path);
}

/* All. */

int yb_cores_listen(yibu_cores *cores)
{
    int backlog = cores->server_options.backlog > 0 ? cores->server_options.backlog : SOMAXCONN;
    for (size_t i = 0; i < cores->count * cores->addresses; i++)
        if (cores->sockets[i] >= 0 && listen(cores->sockets[i], backlog) < 0)
            return -errno;
    return 0;
}

void yb_cores_close_sockets(yibu_cores *cores)
{
    for (size_t i = 0; cores->sockets && i < cores->count * cores->addresses; i++)
        if (cores->sockets[i] >= 0)
            (void)close(cores->sockets[i]);
    yb_cores_remove_path(cores);
    yb_free(cores->path);
    yb_free(cores->sockets);
}

/* A filter of a TCP socket sees the packet from its TCP header on. */
static void drop_new_handshakes(int fd)
{
    enum { FLAGS_OFFSET = 13, SYN = 0x02 };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_OFFSET),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

void yb_cores_deafen(const yibu_cores *cores, int fd)
{
    if (cores->is_unix)
        (void)shutdown(fd, SHUT_RD);
    else
        drop_new_handshakes(fd);
}
