/* What travels beside a message's bytes: whatever the kernel said, it is taken over or left,
 * nothing beyond it is read, and no descriptor gets lost or is handed out twice.
 *
 * recvmsg(2) and close(2) are the input's: descriptors are only numbers here. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/udp.h>
#include <yibu.h>

#include "check.h"
#include "net/ancillary.h"

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
int __wrap_close(int fd);

enum { FDS_MOST = 1000, ROOM = 4096 };

static const struct {
    int level, type;
} kinds[] = {
    {SOL_SOCKET, SCM_RIGHTS},      {SOL_SOCKET, SCM_CREDENTIALS},
    {SOL_SOCKET, SCM_TIMESTAMPNS}, {SOL_SOCKET, 4 /* a pidfd */},
    {IPPROTO_IP, IP_PKTINFO},      {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_TOS},          {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IPV6, IPV6_PKTINFO},  {IPPROTO_IPV6, IPV6_HOPLIMIT},
    {IPPROTO_IPV6, IPV6_TCLASS},   {IPPROTO_IPV6, IPV6_RECVERR},
    {IPPROTO_UDP, UDP_GRO},        {SOL_SOCKET, 99},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct {
    unsigned char *control; /* of exactly control_size bytes */
    size_t control_size;
    int fds_sent, fds_closed, pidfds_sent, errors;
    int fds[FDS_MOST];
    int flags;
} said;

int __wrap_close(int fd)
{
    CHECK(fd >= 0);
    said.fds_closed++;
    return 0;
}

/* As much as there is room for; the last part is cut, as the kernel cuts it. */
static void give_control(struct msghdr *header)
{
    size_t room = header->msg_controllen, at = 0;
    struct cmsghdr head;
    while (at + sizeof(head) <= said.control_size && at + sizeof(head) <= room) {
        memcpy(&head, said.control + at, sizeof(head));
        if (head.cmsg_len > room - at)
            head.cmsg_len = room - at;
        memcpy((char *)header->msg_control + at, said.control + at, head.cmsg_len);
        memcpy((char *)header->msg_control + at, &head, sizeof(head));
        at += CMSG_ALIGN(head.cmsg_len);
    }
    header->msg_controllen = at < room ? at : room;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
    (void)fd;
    (void)flags;
    give_control(header);
    header->msg_namelen = 0;
    header->msg_flags = said.flags;
    return 0;
}

static void note_descriptors(const unsigned char *payload, size_t size, bool pidfd)
{
    for (size_t i = 0; i + sizeof(int) <= size && !pidfd; i += sizeof(int))
        memcpy(&said.fds[said.fds_sent++], payload + i, sizeof(int));
    int fd = -1;
    if (pidfd && size >= sizeof(int))
        memcpy(&fd, payload, sizeof(fd));
    said.pidfds_sent += fd >= 0;
}

/* Descriptors that the kernel may have made. */
static void make_descriptors(unsigned char *payload, size_t size)
{
    for (size_t i = 0; i + sizeof(int) <= size; i += sizeof(int))
        payload[i + sizeof(int) - 1] &= 0x7f;
}

/* One part, framed as the kernel frames them; its payload may have any size. */
static size_t add_part(stream *s, unsigned char *place, size_t room)
{
    unsigned kind = take(s) % KINDS;
    size_t size = take(s);
    unsigned char payload[256];
    struct cmsghdr head = {.cmsg_level = kinds[kind].level, .cmsg_type = kinds[kind].type};
    if (CMSG_SPACE(size) > room)
        return 0;
    for (size_t i = 0; i < size; i++)
        payload[i] = take(s);
    if (kind == 0)
        make_descriptors(payload, size);
    said.errors +=
        kinds[kind].type == IP_RECVERR || kinds[kind].type == IPV6_RECVERR ? size >= 16 : 0;
    if (kind == 0 || kind == 3)
        note_descriptors(payload, size, kind == 3);
    head.cmsg_len = CMSG_LEN(size);
    memset(place, 0, CMSG_SPACE(size));
    memcpy(place, &head, sizeof(head));
    memcpy(place + CMSG_LEN(0), payload, size);
    return CMSG_SPACE(size);
}

static void make_control(stream *s)
{
    static unsigned char control[ROOM];
    size_t size = 0, part = 1;
    said.fds_sent = said.fds_closed = said.pidfds_sent = said.errors = 0;
    said.flags = take(s) & (MSG_TRUNC | MSG_CTRUNC);
    while (s->at < s->end && part > 0) {
        part = add_part(s, control + size, sizeof(control) - size);
        size += part;
    }
    said.control = malloc(size ? size : 1);
    said.control_size = size;
    CHECK(said.control != NULL);
    memcpy(said.control, control, size);
}

static void check_fds(const yibu_message *message, size_t capacity)
{
    size_t sent = (size_t)said.fds_sent;
    CHECK(message->fd_count == (sent < capacity ? sent : capacity));
    for (size_t i = 0; i < message->fd_count; i++)
        CHECK(message->fds[i] == said.fds[i]);
    CHECK((size_t)(said.fds_closed - said.pidfds_sent) == sent - message->fd_count);
    bool lost = sent > capacity || (said.flags & MSG_CTRUNC);
    CHECK(!lost == !(message->flags & YIBU_MESSAGE_FDS_LOST));
}

static void check_taken(size_t capacity)
{
    int *fds = malloc(capacity * sizeof(int) + 1);
    yibu_message message = {.fds = fds, .fd_capacity = capacity, .size = 1000};
    const struct msghdr header = {
        .msg_control = said.control, .msg_controllen = said.control_size, .msg_flags = said.flags};
    CHECK(fds != NULL);
    yb_ancillary_take(&header, &message);
    check_fds(&message, capacity);
    CHECK(message.segment_size < message.size);
    CHECK(!(message.flags & YIBU_MESSAGE_DESTINATION) ==
          (yibu_address_port(&message.local) < 0 || message.local.length == 0));
    free(fds);
}

static void check_error(void)
{
    yibu_udp_error error;
    CHECK(yibu_udp_recv_error(0, NULL, 0, &error) == 0);
    CHECK(said.errors > 0 || (error.error == 0 && error.reporter.length == 0));
    CHECK(error.reporter.length == 0 || error.reporter.length == sizeof(struct sockaddr_in) ||
          error.reporter.length == sizeof(struct sockaddr_in6));
}

/* What is sent comes out as it was put in. */
static void check_round_trip(stream *s)
{
    static int fds[YIBU_MESSAGE_MAX_FDS];
    yb_ancillary control;
    struct msghdr header = {.msg_control = &control};
    yibu_message out = {.hop_limit = take(s), .traffic_class = take(s), .interface = take(s)}, in;
    unsigned parts = YIBU_MESSAGE_CREDENTIALS | YIBU_MESSAGE_HOP_LIMIT | YIBU_MESSAGE_TRAFFIC_CLASS;
    CHECK(yibu_address_parse(take(s) % 2 ? "192.0.2.1" : "2001:db8::1", 9, &out.address) == 0);
    out.flags = take(s) & parts;
    out.fds = fds;
    out.fd_count = take(s) % (YIBU_MESSAGE_MAX_FDS + 1);
    for (size_t i = 0; i < out.fd_count; i++)
        fds[i] = (int)i;
    CHECK(yb_ancillary_put(-1, &out, take(s), &header) == 0);
    CHECK(header.msg_controllen <= sizeof(control));
    int received[YIBU_MESSAGE_MAX_FDS];
    in = (yibu_message){.fds = received, .fd_capacity = YIBU_MESSAGE_MAX_FDS};
    yb_ancillary_take(&header, &in);
    CHECK(in.flags == out.flags && in.fd_count == out.fd_count);
    CHECK(memcmp(received, fds, in.fd_count * sizeof(int)) == 0);
    CHECK(!(in.flags & YIBU_MESSAGE_HOP_LIMIT) || in.hop_limit == out.hop_limit);
    CHECK(!(in.flags & YIBU_MESSAGE_TRAFFIC_CLASS) || in.traffic_class == out.traffic_class);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream s = {data, data + size};
    size_t capacity = take(&s);
    check_round_trip(&s);
    make_control(&s);
    check_taken(capacity);
    check_error();
    free(said.control);
    return 0;
}
