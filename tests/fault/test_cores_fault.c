/* Servers on many cores with every allocation failing once: they start and serve, or say why not,
 * and end; nothing is left behind. */
#include "../unit/net/cores.h"
#include "failing_allocator.h"

static void hush(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)arg;
    if (code != -ENOMEM)
        fprintf(stderr, "%s\n", message);
}

/* Moves on after each line. */
static intptr_t hop(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    ssize_t n = yibu_stream_readline(stream, &line);
    if (n <= 0)
        return n;
    int r = yibu_stream_write(stream, line, (size_t)n);
    yibu_core *own = yibu_current_core();
    yibu_core *other = yibu_cores_core(yibu_core_cores(own), 1 - yibu_core_index(own));
    return r < 0 ? r : yibu_core_hand_over(other, stream, NULL, NULL);
}

/* A client hears its line, or the end; or nobody listens any more, where a loop could not. */
static void ask(uint16_t port)
{
    int fd = try_to_connect(port);
    char byte;
    if (fd < 0)
        return;
    for (int i = 0; i < 3 && send(fd, "x\n", 2, MSG_NOSIGNAL) == 2; i++)
        if (recv(fd, &byte, 1, 0) <= 0 || recv(fd, &byte, 1, 0) <= 0)
            break;
    close(fd);
}

static intptr_t start_ask_and_stop(void *arg)
{
    (void)arg;
    const yibu_loop_options loop = {.size = sizeof(loop), .exception_handler = hush};
    const yibu_cores_options options = {
        .size = sizeof(options), .loops = 2, .balance = true, .loop = &loop};
    yibu_cores *cores;
    int r = yibu_start_cores(hop, NULL, "127.0.0.1", 0, &options, &cores);
    if (r < 0)
        return r;
    ask(yibu_cores_port(cores));
    yibu_cores_stop(cores);
    r = yibu_cores_wait(cores);
    yibu_cores_free(cores);
    return r;
}

static intptr_t leave_no_descriptor(void *arg)
{
    int before = count_descriptors();
    intptr_t r = start_ask_and_stop(arg);
    assert_true(r == 0 || r == -ENOMEM);
    assert_int_equal(count_descriptors(), before);
    return r;
}

static void whatever_allocation_fails_nothing_is_left(void **state)
{
    (void)state;
    assert_int_equal(start_ask_and_stop(NULL), 0);
    assert_in_range(failing_each(leave_no_descriptor, NULL), 20, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_allocation_fails_nothing_is_left),
    };
    return FAILING_TESTS_RUN(tests);
}
