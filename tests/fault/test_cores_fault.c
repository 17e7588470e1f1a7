/* Servers on many cores with every allocation failing once: they start and serve, or say why not,
 * and end; nothing is left behind. */
#include "../unit/net/cores.h"

static _Atomic long blocks, until_failure;

static bool fails(void)
{
    return atomic_fetch_sub(&until_failure, 1) == 1;
}

static void *allocate(size_t size, void *arg)
{
    (void)arg;
    void *memory = fails() ? NULL : malloc(size);
    blocks += memory != NULL;
    return memory;
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    void *moved = fails() ? NULL : realloc(memory, size);
    blocks += !memory && moved;
    return moved;
}

static void release(void *memory, void *arg)
{
    (void)arg;
    blocks -= memory != NULL;
    free(memory);
}

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

static int start_ask_and_stop(void)
{
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

static void whatever_allocation_fails_nothing_is_left(void **state)
{
    (void)state;
    until_failure = 0;
    assert_int_equal(start_ask_and_stop(), 0);
    int before = count_descriptors();
    long n = 0;
    do {
        long held = blocks;
        until_failure = ++n;
        int r = start_ask_and_stop();
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(blocks, held);
        assert_int_equal(count_descriptors(), before);
    } while (until_failure <= 0);
    assert_true(n > 20);
}

int main(void)
{
    const yibu_allocator failing = {
        .allocate = allocate, .reallocate = reallocate, .release = release};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_allocation_fails_nothing_is_left),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (yibu_set_allocator(&failing) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
