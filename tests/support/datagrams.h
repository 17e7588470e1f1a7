/* UDP sockets on the loopback interface. */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include "streams.h"

/* A socket on a port of the kernel's choice. */
static inline int bind_anywhere(const yibu_udp_options *options, yibu_address *ret_address)
{
    int fd = yibu_udp_bind("127.0.0.1", 0, options);
    assert_true(fd >= 0);
    assert_int_equal(yibu_getsockname(fd, ret_address), 0);
    return fd;
}

/* A receiver, and a sender that is connected to it. */
typedef struct datagram_pair {
    int receiver, sender;
    yibu_address address; /* of the receiver */
} datagram_pair;

static inline datagram_pair connect_datagrams(const yibu_udp_options *options)
{
    datagram_pair p;
    p.receiver = bind_anywhere(options, &p.address);
    p.sender = yibu_udp_connect("127.0.0.1", yibu_address_port(&p.address), NULL);
    assert_true(p.sender >= 0);
    return p;
}

static inline void close_datagrams(datagram_pair p)
{
    assert_int_equal(yibu_close(p.receiver), 0);
    assert_int_equal(yibu_close(p.sender), 0);
}

static inline void expect_same_address(const yibu_address *a, const yibu_address *b)
{
    char a_text[YIBU_ADDRESS_TEXT], b_text[YIBU_ADDRESS_TEXT];
    assert_true(yibu_address_format(a, a_text, sizeof(a_text)) > 0);
    assert_true(yibu_address_format(b, b_text, sizeof(b_text)) > 0);
    assert_string_equal(a_text, b_text);
}

#endif
