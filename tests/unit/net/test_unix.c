/* Unix sockets: records, datagrams, descriptors that travel, and who is at the other end. */
#include "streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "platform/valgrind.h"

static const char *socket_path(const char *name)
{
    static char path[100];
    (void)snprintf(path, sizeof(path), "/tmp/yibu-%s-%d", name, (int)getpid());
    return path;
}

LOOP_TEST(records_are_kept_apart)
{
    const char *path = socket_path("records");
    int listener = yibu_unix_listen(SOCK_SEQPACKET, path, NULL);
    assert_true(listener >= 0);
    pair p;
    p.client = yibu_unix_connect(SOCK_SEQPACKET, path);
    assert_true(p.client >= 0);
    p.server = yibu_accept(listener, NULL);
    assert_true(p.server >= 0);
    assert_true(fcntl(p.client, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(p.client, F_GETFL) & O_NONBLOCK);
    char text[8];
    assert_int_equal(yibu_sendto(p.client, "one", 3, NULL), 3);
    assert_int_equal(yibu_sendto(p.client, "three", 5, NULL), 5);
    assert_int_equal(yibu_sendto(p.client, "too long", 8, NULL), 8);
    assert_int_equal(yibu_recvfrom(p.server, text, sizeof(text), NULL), 3);
    assert_int_equal(yibu_recvfrom(p.server, text, sizeof(text), NULL), 5);
    assert_int_equal(yibu_recvfrom(p.server, text, 3, NULL), -EMSGSIZE);
    assert_int_equal(yibu_close(p.client), 0);
    assert_int_equal(yibu_recvfrom(p.server, text, sizeof(text), NULL), 0);
    assert_int_equal(yibu_close(p.server), 0);
    assert_int_equal(yibu_close(listener), 0);
    assert_int_equal(unlink(path), 0);
    return 0;
}

LOOP_TEST(a_path_of_a_socket_that_is_no_more_is_taken_over)
{
    const char *path = socket_path("stale");
    for (int i = 0; i < 2; i++) {
        int listener = yibu_unix_listen(SOCK_SEQPACKET, path, NULL);
        assert_true(listener >= 0);
        assert_int_equal(yibu_unix_listen(SOCK_SEQPACKET, path, NULL), -EADDRINUSE);
        assert_int_equal(yibu_unix_bind(path), -EADDRINUSE);
        assert_int_equal(yibu_close(listener), 0);
        int fd = yibu_unix_bind(path);
        assert_true(fd >= 0);
        assert_int_equal(yibu_unix_listen(SOCK_STREAM, path, NULL), -EADDRINUSE);
        assert_int_equal(yibu_close(fd), 0);
    }
    assert_int_equal(yibu_unix_connect(SOCK_STREAM, path), -ECONNREFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(yibu_unix_connect(SOCK_STREAM, path), -ENOENT);
    return 0;
}

LOOP_TEST(what_cannot_be_right_is_refused)
{
    int descriptors = count_descriptors();
    int ends[2];
    yibu_address address;
    assert_int_equal(yibu_unix_listen(SOCK_DGRAM, "@x", NULL), -EINVAL);
    assert_int_equal(yibu_unix_connect(SOCK_RAW, "@x"), -EINVAL);
    assert_int_equal(yibu_unix_bind(""), -EINVAL);
    assert_int_equal(yibu_unix_bind("@"), -EINVAL);
    assert_int_equal(yibu_unix_address(NULL, &address), -EINVAL);
    assert_int_equal(yibu_socketpair(SOCK_STREAM, NULL), -EINVAL);
    assert_int_equal(yibu_socketpair(99, ends), -EINVAL);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(datagrams_are_answered_under_a_name_of_the_kernel_s)
{
    const char *name = abstract_name("datagrams");
    int server = yibu_unix_bind(name);
    int client = yibu_unix_bind(NULL);
    assert_true(server >= 0 && client >= 0);
    yibu_address to, from;
    char text[8];
    assert_int_equal(yibu_unix_address(name, &to), 0);
    assert_int_equal(yibu_sendto(client, "ping", 4, &to), 4);
    assert_int_equal(yibu_recvfrom(server, text, sizeof(text), &from), 4);
    assert_true(from.length > 0);
    assert_int_equal(yibu_sendto(server, "pong", 4, &from), 4);
    assert_int_equal(yibu_recvfrom(client, text, sizeof(text), NULL), 4);
    int nameless = yibu_unix_connect(SOCK_DGRAM, name);
    assert_int_equal(yibu_sendto(nameless, "hi", 2, NULL), 2);
    assert_int_equal(yibu_recvfrom(server, text, sizeof(text), &from), 2);
    assert_int_equal(yibu_close(nameless), 0);
    assert_int_equal(yibu_close(server), 0);
    assert_int_equal(yibu_sendto(client, "ping", 4, &to), -ECONNREFUSED);
    assert_int_equal(yibu_close(client), 0);
    return 0;
}

enum { FLOOD = 2000 };

static intptr_t flood(void *arg)
{
    yibu_address to;
    int fd = *(int *)arg;
    assert_int_equal(yibu_unix_address(abstract_name("flood"), &to), 0);
    for (uint32_t i = 0; i < FLOOD; i++)
        if (yibu_sendto(fd, &i, sizeof(i), i % 2 ? &to : NULL) != sizeof(i))
            return -EPROTO;
    return 0;
}

LOOP_TEST(a_sender_waits_while_the_receiver_is_slow)
{
    const char *name = abstract_name("flood");
    int receiver = yibu_unix_bind(name);
    int sender = yibu_unix_connect(SOCK_DGRAM, name);
    yibu_task *task = yibu_create_task(flood, &sender, NULL);
    for (uint32_t i = 0; i < FLOOD; i++) {
        uint32_t number;
        if (i % 100 == 0)
            assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
        assert_int_equal(yibu_recvfrom(receiver, &number, sizeof(number), NULL), sizeof(number));
        assert_int_equal(number, i);
    }
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(yibu_close(sender), 0);
    assert_int_equal(yibu_close(receiver), 0);
    return 0;
}

typedef struct sending {
    int fd;
    const yibu_address *to;
    uint32_t sent;
} sending;

static intptr_t send_until_stopped(void *arg)
{
    sending *s = arg;
    for (;;) {
        ssize_t n = yibu_sendto(s->fd, &s->sent, sizeof(s->sent), s->to);
        if (n < 0)
            return n;
        s->sent++;
    }
}

/* A send that waits and is cancelled has sent nothing. */
static void cancel_a_full_socket(int receiver, sending *s)
{
    yibu_task *task = yibu_create_task(send_until_stopped, s, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_true(s->sent > 0);
    uint32_t number, count = 0;
    while (recv(receiver, &number, sizeof(number), MSG_DONTWAIT) > 0)
        assert_int_equal(number, count++);
    assert_int_equal(count, s->sent);
}

LOOP_TEST(a_cancelled_send_on_a_full_socket_sends_nothing)
{
    const char *name = abstract_name("full");
    int receiver = yibu_unix_bind(name);
    yibu_address to;
    assert_int_equal(yibu_unix_address(name, &to), 0);
    sending connected = {.fd = yibu_unix_connect(SOCK_DGRAM, name)};
    cancel_a_full_socket(receiver, &connected);
    sending addressed = {.fd = yibu_unix_bind(NULL), .to = &to};
    cancel_a_full_socket(receiver, &addressed);
    assert_int_equal(yibu_close(connected.fd), 0);
    assert_int_equal(yibu_close(addressed.fd), 0);
    assert_int_equal(yibu_close(receiver), 0);
    return 0;
}

LOOP_TEST(segments_are_records_where_nothing_cuts_them)
{
    int ends[2];
    assert_int_equal(yibu_socketpair(SOCK_DGRAM, ends), 0);
    char text[] = "abcdefghij", got[8];
    yibu_message message = {.data = text, .size = 10, .segment_size = 4};
    assert_int_equal(yibu_send_message(ends[0], &message), 10);
    assert_int_equal(yibu_recvfrom(ends[1], got, sizeof(got), NULL), 4);
    assert_int_equal(yibu_recvfrom(ends[1], got, sizeof(got), NULL), 4);
    assert_int_equal(yibu_recvfrom(ends[1], got, sizeof(got), NULL), 2);
    assert_memory_equal(got, "ij", 2);
    assert_int_equal(yibu_close(ends[0]), 0);
    assert_int_equal(yibu_close(ends[1]), 0);
    return 0;
}

/* A descriptor that others can recognise. */
static int marked_file(char mark)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = dup(fileno(file));
    assert_int_equal(pwrite(fd, &mark, 1, 0), 1);
    (void)fclose(file);
    return fd;
}

static char mark_of(int fd)
{
    char mark = 0;
    assert_int_equal(pread(fd, &mark, 1, 0), 1);
    return mark;
}

typedef struct fd_pair {
    int ends[2];
    int descriptors; /* that were open before */
} fd_pair;

static fd_pair open_pair(int type)
{
    fd_pair p = {.descriptors = count_descriptors()};
    assert_int_equal(yibu_socketpair(type, p.ends), 0);
    return p;
}

static void close_ends(const fd_pair *p)
{
    assert_int_equal(yibu_close(p->ends[0]), 0);
    assert_int_equal(yibu_close(p->ends[1]), 0);
    assert_int_equal(count_descriptors(), p->descriptors);
}

static void send_marked(int to, const char *text, const char *marks)
{
    int fds[4] = {0};
    size_t count = strlen(marks);
    for (size_t i = 0; i < count; i++)
        fds[i] = marked_file(marks[i]);
    ssize_t size = (ssize_t)strlen(text);
    assert_int_equal(yibu_send_fds(to, text, (size_t)size, fds, count), size);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static intptr_t send_marked_late(void *arg)
{
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    send_marked(*(int *)arg, "late", "xyz");
    return 0;
}

LOOP_TEST(descriptors_travel_and_are_closed_on_exec)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    for (int t = 0; t < 3; t++) {
        fd_pair p = open_pair(types[t]);
        int fds[5];
        size_t count = 0;
        char text[16];
        yibu_spawn(send_marked_late, &p.ends[0]);
        assert_int_equal(yibu_recv_fds(p.ends[1], text, sizeof(text), fds, 5, &count), 4);
        assert_int_equal(count, 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(mark_of(fds[i]), "xyz"[i]);
            assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
            assert_int_equal(close(fds[i]), 0);
        }
        close_ends(&p);
    }
    return 0;
}

LOOP_TEST(descriptors_that_do_not_fit_are_closed_and_told)
{
    fd_pair p = open_pair(SOCK_SEQPACKET);
    int fds[2];
    size_t count = 9;
    char text[16];
    send_marked(p.ends[0], "abc", "123");
    yibu_message message = {.data = text, .capacity = sizeof(text), .fds = fds, .fd_capacity = 2};
    assert_int_equal(yibu_recv_message(p.ends[1], &message), 3);
    assert_int_equal(message.fd_count, 2);
    assert_int_equal(message.flags, YIBU_MESSAGE_FDS_LOST);
    assert_int_equal(mark_of(fds[0]), '1');
    close(fds[0]);
    close(fds[1]);
    send_marked(p.ends[0], "abc", "123");
    assert_int_equal(yibu_recv_fds(p.ends[1], text, sizeof(text), fds, 2, &count), -EMSGSIZE);
    send_marked(p.ends[0], "abc", "12");
    assert_int_equal(yibu_recv_fds(p.ends[1], text, 2, fds, 2, &count), -EMSGSIZE);
    assert_int_equal(count, 9);
    close_ends(&p);
    return 0;
}

LOOP_TEST(descriptors_that_nobody_asked_for_are_closed)
{
    fd_pair p = open_pair(SOCK_SEQPACKET);
    char text[16];
    for (int i = 0; i < 5; i++)
        send_marked(p.ends[0], "abc", "123");
    yibu_message message = {.data = text, .capacity = sizeof(text)};
    yibu_message two[2] = {message, message};
    assert_int_equal(yibu_recv_message(p.ends[1], &message), 3);
    assert_true(message.flags & YIBU_MESSAGE_FDS_LOST);
    assert_int_equal(yibu_recvfrom(p.ends[1], text, sizeof(text), NULL), 3);
    assert_int_equal(yibu_recv_messages(p.ends[1], two, 2), 2);
    assert_true(two[1].flags & YIBU_MESSAGE_FDS_LOST);
    assert_int_equal(yibu_recv(p.ends[1], text, sizeof(text)), 3);
    close_ends(&p);
    return 0;
}

LOOP_TEST(many_descriptors_travel_at_once_and_more_are_refused)
{
    fd_pair p = open_pair(SOCK_SEQPACKET);
    static int sent[YIBU_MESSAGE_MAX_FDS + 1], got[YIBU_MESSAGE_MAX_FDS + 1];
    size_t count;
    char byte = 'm';
    for (int i = 0; i <= YIBU_MESSAGE_MAX_FDS; i++)
        sent[i] = p.ends[0];
    assert_int_equal(yibu_send_fds(p.ends[0], &byte, 1, sent, YIBU_MESSAGE_MAX_FDS + 1), -EINVAL);
    assert_int_equal(yibu_send_fds(p.ends[0], &byte, 1, NULL, 1), -EINVAL);
    assert_int_equal(yibu_send_fds(p.ends[0], &byte, 1, sent, YIBU_MESSAGE_MAX_FDS), 1);
    assert_int_equal(yibu_recv_fds(p.ends[1], &byte, 1, got, YIBU_MESSAGE_MAX_FDS + 1, &count), 1);
    assert_int_equal(count, YIBU_MESSAGE_MAX_FDS);
    for (size_t i = 0; i < count; i++)
        close(got[i]);
    close_ends(&p);
    return 0;
}

LOOP_TEST(without_free_descriptors_none_is_leaked_and_it_is_told)
{
    if (YB_UNDER_VALGRIND) /* which plays the limit itself, so that the kernel does not meet it */
        return 0;
    fd_pair p = open_pair(SOCK_SEQPACKET);
    send_marked(p.ends[0], "abc", "123");
    send_marked(p.ends[0], "def", "4");
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    limit = before;
    limit.rlim_cur = (rlim_t)next + 1; /* room for one */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int fds[5];
    size_t count = 0;
    char text[16];
    ssize_t n = yibu_recv_fds(p.ends[1], text, sizeof(text), fds, 5, &count);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(n, -EMFILE);
    assert_int_equal(yibu_recv_fds(p.ends[1], text, sizeof(text), fds, 5, &count), 3);
    assert_int_equal(count, 1);
    assert_int_equal(mark_of(fds[0]), '4');
    close(fds[0]);
    close_ends(&p);
    return 0;
}

typedef struct taking {
    int fd;
    int fds[2];
    size_t count;
} taking;

static intptr_t take_fd(void *arg)
{
    taking *t = arg;
    char byte;
    return yibu_recv_fds(t->fd, &byte, 1, t->fds, 2, &t->count);
}

LOOP_TEST(no_descriptor_is_lost_when_cancel_and_data_race)
{
    fd_pair p = open_pair(SOCK_SEQPACKET);
    for (int i = 0; i < 500; i++) {
        taking t = {.fd = p.ends[1]};
        yibu_task *task = yibu_create_task(take_fd, &t, NULL);
        assert_int_equal(yibu_sleep(0), 0);
        if (i % 3 == 0)
            yibu_task_cancel(task);
        assert_int_equal(yibu_send_fds(p.ends[0], "b", 1, &p.ends[0], 1), 1);
        if (i % 3 == 1)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        if (yibu_await(task) != 1)
            assert_int_equal(take_fd(&t), 1);
        yibu_task_unref(task);
        assert_int_equal(t.count, 1);
        close(t.fds[0]);
    }
    close_ends(&p);
    return 0;
}

LOOP_TEST(on_a_stream_bytes_come_with_the_descriptors_they_were_sent_with)
{
    fd_pair p = open_pair(SOCK_STREAM);
    int fds[4];
    size_t count;
    char text[16];
    assert_int_equal(yibu_send(p.ends[0], "plain", 5), 5);
    send_marked(p.ends[0], "a", "1");
    send_marked(p.ends[0], "b", "2");
    size_t bytes = 0, total = 0;
    while (bytes < 7) {
        ssize_t n = yibu_recv_fds(p.ends[1], text, sizeof(text), fds, 4, &count);
        assert_true(n > 0 && count <= 1);
        bytes += (size_t)n;
        total += count;
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(mark_of(fds[i]), bytes == 6 ? '1' : '2');
            close(fds[i]);
        }
    }
    assert_int_equal(total, 2);
    close_ends(&p);
    return 0;
}

LOOP_TEST(the_peer_s_credentials_are_told)
{
    fd_pair p = open_pair(SOCK_STREAM);
    yibu_credentials who;
    assert_int_equal(yibu_peer_credentials(p.ends[0], &who), 0);
    assert_int_equal(who.pid, getpid());
    assert_int_equal(who.uid, getuid());
    assert_int_equal(who.gid, getgid());
    assert_int_equal(yibu_peer_credentials(p.ends[0], NULL), -EINVAL);
    assert_int_equal(yibu_peer_credentials(-1, &who), -EBADF);
    int lone = yibu_unix_bind(NULL);
    assert_int_equal(yibu_peer_credentials(lone, &who), -ENODATA);
    assert_int_equal(yibu_close(lone), 0);
    close_ends(&p);
    return 0;
}

LOOP_TEST(a_message_tells_its_sender_s_credentials)
{
    fd_pair p = open_pair(SOCK_DGRAM);
    char text[8] = "who";
    assert_int_equal(yibu_pass_credentials(p.ends[1], true), 0);
    yibu_message message = {.data = text, .size = 3};
    assert_int_equal(yibu_send_message(p.ends[0], &message), 3);
    message.flags = YIBU_MESSAGE_CREDENTIALS;
    message.credentials = (yibu_credentials){getpid(), getuid(), getgid()};
    int fds[] = {p.ends[0]};
    message.fds = fds;
    message.fd_count = 1;
    assert_int_equal(yibu_send_message(p.ends[0], &message), 3);
    for (int i = 0; i < 2; i++) {
        int taken[3];
        yibu_message got = {.data = text, .capacity = sizeof(text), .fds = taken, .fd_capacity = 3};
        assert_int_equal(yibu_recv_message(p.ends[1], &got), 3);
        assert_int_equal(got.flags, YIBU_MESSAGE_CREDENTIALS);
        assert_int_equal(got.credentials.pid, getpid());
        assert_int_equal(got.fd_count, i);
        if (i == 1)
            close(taken[0]);
    }
    assert_int_equal(yibu_pass_credentials(p.ends[1], false), 0);
    close_ends(&p);
    return 0;
}

LOOP_TEST(a_pidfd_of_the_peer_tells_its_end)
{
    const char *name = abstract_name("pidfd");
    int listener = yibu_unix_listen(SOCK_STREAM, name, NULL);
    pid_t child = fork();
    if (child == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        yibu_address address;
        if (yibu_unix_address(name, &address) < 0 ||
            connect(fd, (struct sockaddr *)&address.storage, address.length) < 0)
            _exit(1);
        char byte;
        (void)!read(fd, &byte, 1);
        _exit(0);
    }
    int fd = yibu_accept(listener, NULL);
    assert_true(fd >= 0);
    int pidfd = yibu_peer_pidfd(fd);
    if (pidfd == -ENOTSUP) {
        print_message("this kernel tells no pidfd of a peer\n");
    } else {
        assert_true(pidfd >= 0);
        assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
        struct pollfd query = {.fd = pidfd, .events = POLLIN};
        assert_int_equal(poll(&query, 1, 0), 0);
        assert_int_equal(yibu_send(fd, "x", 1), 1);
        assert_int_equal(yibu_wait_readable(pidfd), 0);
        assert_int_equal(yibu_close(pidfd), 0);
    }
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_close(listener), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return 0;
}

static intptr_t in_simulation(void *arg)
{
    (void)arg;
    int ends[2];
    assert_int_equal(yibu_unix_bind(NULL), -ENOTSUP);
    assert_int_equal(yibu_unix_connect(SOCK_STREAM, "@x"), -ENOTSUP);
    assert_int_equal(yibu_socketpair(SOCK_STREAM, ends), -ENOTSUP);
    return 0;
}

static void a_simulation_says_that_it_has_no_unix_sockets(void **state)
{
    (void)state;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_sim_run(1, in_simulation, NULL, NULL), 0);
    unsetenv("CMOCKA_TEST_ABORT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_kept_apart),
        cmocka_unit_test(a_path_of_a_socket_that_is_no_more_is_taken_over),
        cmocka_unit_test(what_cannot_be_right_is_refused),
        cmocka_unit_test(datagrams_are_answered_under_a_name_of_the_kernel_s),
        cmocka_unit_test(a_sender_waits_while_the_receiver_is_slow),
        cmocka_unit_test(a_cancelled_send_on_a_full_socket_sends_nothing),
        cmocka_unit_test(segments_are_records_where_nothing_cuts_them),
        cmocka_unit_test(descriptors_travel_and_are_closed_on_exec),
        cmocka_unit_test(descriptors_that_do_not_fit_are_closed_and_told),
        cmocka_unit_test(descriptors_that_nobody_asked_for_are_closed),
        cmocka_unit_test(many_descriptors_travel_at_once_and_more_are_refused),
        cmocka_unit_test(without_free_descriptors_none_is_leaked_and_it_is_told),
        cmocka_unit_test(no_descriptor_is_lost_when_cancel_and_data_race),
        cmocka_unit_test(on_a_stream_bytes_come_with_the_descriptors_they_were_sent_with),
        cmocka_unit_test(the_peer_s_credentials_are_told),
        cmocka_unit_test(a_message_tells_its_sender_s_credentials),
        cmocka_unit_test(a_pidfd_of_the_peer_tells_its_end),
        cmocka_unit_test(a_simulation_says_that_it_has_no_unix_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
