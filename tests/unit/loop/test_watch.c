/* Watched descriptors: add_reader, add_writer, and what happens to the number of a closed one. */
#include "loop.h"
#include "sockets.h"

#include <errno.h>

typedef struct watcher {
    yibu_loop *loop;
    int fd;
    int calls;
    bool drain; /* read what is there */
    bool done;
} watcher;

static void look(void *arg)
{
    watcher *w = arg;
    char byte;
    w->calls++;
    if (w->drain)
        assert_int_equal(read(w->fd, &byte, 1), 1);
    w->done = true;
}

static void put(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void a_reader_is_called_in_every_turn_until_its_descriptor_is_drained(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher w = {.loop = loop, .fd = pair[0]};
    assert_int_equal(yibu_add_reader(loop, pair[0], look, &w), 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(w.calls, 0);

    put(pair[1]);
    for (int turn = 0; turn < 5; turn++)
        yibu_loop_run_once(loop, YIBU_FOREVER);
    assert_in_range(w.calls, 3, 6);

    w.drain = true;
    w.done = false;
    test_loop_until(loop, &w.done);
    int calls = w.calls;
    yibu_loop_run_once(loop, YIBU_MS(2));
    yibu_loop_run_once(loop, YIBU_MS(2));
    assert_int_equal(w.calls, calls);

    assert_int_equal(yibu_remove_reader(loop, pair[0]), 1);
    assert_int_equal(yibu_remove_reader(loop, pair[0]), 0);
    test_loop_drain(loop);
    test_close_pair(pair);
}

static void a_writer_is_called_when_there_is_room(void **state)
{
    yibu_loop *loop = *state;
    int ends[2];
    char block[4096] = {0};
    test_pipe(ends);
    while (write(ends[1], block, sizeof(block)) > 0)
        continue;
    watcher w = {.loop = loop, .fd = ends[1]};
    assert_int_equal(yibu_add_writer(loop, ends[1], look, &w), 0);
    yibu_loop_run_once(loop, YIBU_MS(2));
    assert_int_equal(w.calls, 0);
    while (read(ends[0], block, sizeof(block)) > 0)
        continue;
    test_loop_until(loop, &w.done);
    assert_int_equal(yibu_remove_writer(loop, ends[1]), 1);
    assert_int_equal(yibu_remove_writer(loop, ends[1]), 0);
    test_close_pair(ends);
}

static void reader_and_writer_of_one_descriptor_are_apart(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher reader = {.loop = loop, .fd = pair[0], .drain = true};
    watcher writer = {.loop = loop, .fd = pair[0]};
    yibu_add_reader(loop, pair[0], look, &reader);
    yibu_add_writer(loop, pair[0], look, &writer);
    test_loop_until(loop, &writer.done);
    assert_int_equal(reader.calls, 0);
    assert_int_equal(yibu_remove_writer(loop, pair[0]), 1);
    int calls = writer.calls;
    put(pair[1]);
    test_loop_until(loop, &reader.done);
    assert_int_equal(writer.calls, calls);
    assert_int_equal(yibu_remove_reader(loop, pair[0]), 1);
    test_close_pair(pair);
}

static void a_second_reader_replaces_the_first(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher first = {.loop = loop, .fd = pair[0]};
    watcher second = {.loop = loop, .fd = pair[0], .drain = true};
    yibu_add_reader(loop, pair[0], look, &first);
    yibu_loop_run_once(loop, 0);
    yibu_add_reader(loop, pair[0], look, &second);
    put(pair[1]);
    test_loop_until(loop, &second.done);
    assert_int_equal(first.calls, 0);
    assert_int_equal(yibu_remove_reader(loop, pair[0]), 1);
    assert_int_equal(yibu_remove_reader(loop, pair[0]), 0);
    test_close_pair(pair);
}

static void the_end_of_the_peer_is_readable(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher w = {.loop = loop, .fd = pair[0]};
    yibu_add_reader(loop, pair[0], look, &w);
    yibu_loop_run_once(loop, 0);
    close(pair[1]);
    test_loop_until(loop, &w.done);
    yibu_remove_reader(loop, pair[0]);
    close(pair[0]);
}

/* Changes from inside the callback. */

static void remove_self(void *arg)
{
    watcher *w = arg;
    w->calls++;
    assert_int_equal(yibu_remove_reader(w->loop, w->fd), 1);
    w->done = true;
}

static void a_reader_may_remove_itself(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher w = {.loop = loop, .fd = pair[0]};
    yibu_add_reader(loop, pair[0], remove_self, &w);
    put(pair[1]);
    test_loop_drain(loop);
    assert_int_equal(w.calls, 1);
    test_close_pair(pair);
}

static void remove_and_add_again(void *arg)
{
    watcher *w = arg;
    assert_int_equal(yibu_remove_reader(w->loop, w->fd), 1);
    assert_int_equal(yibu_add_reader(w->loop, w->fd, remove_self, w), 0);
}

static void a_reader_may_remove_itself_and_come_back(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher w = {.loop = loop, .fd = pair[0]};
    yibu_add_reader(loop, pair[0], remove_and_add_again, &w);
    put(pair[1]);
    test_loop_drain(loop);
    assert_int_equal(w.calls, 1);
    test_close_pair(pair);
}

static void replace_self(void *arg)
{
    watcher *w = arg;
    assert_int_equal(yibu_add_reader(w->loop, w->fd, remove_self, w), 0);
}

static void a_reader_may_replace_itself(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    watcher w = {.loop = loop, .fd = pair[0]};
    yibu_add_reader(loop, pair[0], replace_self, &w);
    put(pair[1]);
    test_loop_drain(loop);
    assert_int_equal(w.calls, 1);
    test_close_pair(pair);
}

typedef struct rival {
    yibu_loop *loop;
    int own, other;
    int *calls;
} rival;

static void remove_other(void *arg)
{
    rival *r = arg;
    ++*r->calls;
    yibu_remove_reader(r->loop, r->other);
    yibu_remove_reader(r->loop, r->own);
}

static void a_reader_that_another_removed_in_the_same_turn_is_not_called(void **state)
{
    yibu_loop *loop = *state;
    int a[2], b[2];
    int calls = 0;
    test_pair(a);
    test_pair(b);
    rival first = {loop, a[0], b[0], &calls};
    rival second = {loop, b[0], a[0], &calls};
    put(a[1]);
    put(b[1]);
    yibu_add_reader(loop, a[0], remove_other, &first);
    yibu_add_reader(loop, b[0], remove_other, &second);
    test_loop_drain(loop);
    assert_int_equal(calls, 1);
    test_close_pair(a);
    test_close_pair(b);
}

/* Numbers that come back. */

static void a_removed_and_closed_number_serves_another_file(void **state)
{
    yibu_loop *loop = *state;
    for (int round = 0; round < 50; round++) {
        int old[2], new[2];
        test_pair(old);
        watcher stale = {.loop = loop, .fd = old[0]};
        yibu_add_reader(loop, old[0], look, &stale);
        if (round % 2)
            yibu_loop_run_once(loop, 0);
        assert_int_equal(yibu_remove_reader(loop, old[0]), 1);
        close(old[0]);
        test_pipe(new);
        assert_int_equal(new[0], old[0]);
        watcher fresh = {.loop = loop, .fd = new[0], .drain = true};
        yibu_add_reader(loop, new[0], look, &fresh);
        if (round % 3)
            yibu_loop_run_once(loop, 0);
        put(new[1]);
        test_loop_until(loop, &fresh.done);
        assert_int_equal(fresh.calls, 1);
        assert_int_equal(stale.calls, 0);
        assert_int_equal(yibu_remove_reader(loop, new[0]), 1);
        test_close_pair(new);
        close(old[1]);
    }
}

/* A library closed its descriptor behind the loop's back; the number is a new one's, which is
 * watched anew: the watch must be of the new file. */
static void a_number_closed_by_others_can_be_watched_again(void **state)
{
    yibu_loop *loop = *state;
    int old[2], new[2];
    test_pair(old);
    watcher stale = {.loop = loop, .fd = old[0]};
    yibu_add_reader(loop, old[0], look, &stale);
    yibu_loop_run_once(loop, 0);
    close(old[0]);
    test_pipe(new);
    assert_int_equal(new[0], old[0]);
    watcher fresh = {.loop = loop, .fd = new[0], .drain = true};
    assert_int_equal(yibu_add_reader(loop, new[0], look, &fresh), 0);
    put(new[1]);
    test_loop_until(loop, &fresh.done);
    assert_int_equal(stale.calls, 0);
    yibu_remove_reader(loop, new[0]);
    test_close_pair(new);
    close(old[1]);
}

static void a_closed_number_can_be_removed_late(void **state)
{
    yibu_loop *loop = *state;
    int old[2], new[2];
    test_pair(old);
    watcher stale = {.loop = loop, .fd = old[0]};
    yibu_add_reader(loop, old[0], look, &stale);
    yibu_loop_run_once(loop, 0);
    close(old[0]);
    test_pipe(new);
    assert_int_equal(yibu_remove_reader(loop, new[0]), 1);
    watcher fresh = {.loop = loop, .fd = new[0], .drain = true};
    yibu_add_reader(loop, new[0], look, &fresh);
    put(new[1]);
    test_loop_until(loop, &fresh.done);
    yibu_remove_reader(loop, new[0]);
    test_close_pair(new);
    close(old[1]);
}

/* The same for polls as operations: each of them looks at the file that the number means then. */

typedef struct poll_result {
    ssize_t result;
    bool done;
} poll_result;

static void note_result(yibu_op *op, ssize_t result)
{
    poll_result *p = op->arg;
    p->result = result;
    p->done = true;
}

static void polls_assume_nothing_of_a_number_between_them(void **state)
{
    yibu_loop *loop = *state;
    for (int round = 0; round < 20; round++) {
        int pair[2];
        test_pair(pair);
        poll_result p = {0};
        yibu_op op = {.callback = note_result, .arg = &p};
        assert_int_equal(yibu_op_poll(loop, &op, pair[0], YIBU_READABLE), 0);
        yibu_loop_run_once(loop, 0);
        assert_false(p.done);
        put(pair[1]);
        test_loop_until(loop, &p.done);
        assert_int_equal(p.result, YIBU_READABLE);
        test_close_pair(pair);
    }
}

/* A copy of the number elsewhere, in a process that was forked say, keeps the old file alive. */
static void a_copy_of_a_closed_file_does_not_confuse_its_number(void **state)
{
    yibu_loop *loop = *state;
    int old[2], new[2];
    test_pair(old);
    watcher stale = {.loop = loop, .fd = old[0]};
    yibu_add_reader(loop, old[0], look, &stale);
    yibu_loop_run_once(loop, 0);
    yibu_remove_reader(loop, old[0]);
    int copy = dup(old[0]);
    close(old[0]);
    test_pair(new);
    assert_int_equal(new[0], old[0]);
    watcher fresh = {.loop = loop, .fd = new[0], .drain = true};
    yibu_add_reader(loop, new[0], look, &fresh);
    put(old[1]); /* the copy is readable now, the new file is not */
    for (int turn = 0; turn < 5; turn++)
        yibu_loop_run_once(loop, YIBU_MS(1));
    assert_int_equal(fresh.calls, 0);
    put(new[1]);
    test_loop_until(loop, &fresh.done);
    assert_int_equal(stale.calls, 0);
    yibu_remove_reader(loop, new[0]);
    close(copy);
    close(old[1]);
    test_close_pair(new);
}

/* Errors. */

static void what_cannot_be_watched_is_refused(void **state)
{
    yibu_loop *loop = *state;
    watcher w = {.loop = loop};
    assert_int_equal(yibu_add_reader(loop, -1, look, &w), -EBADF);
    assert_int_equal(yibu_add_writer(loop, -1, look, &w), -EBADF);
    assert_int_equal(yibu_add_reader(loop, 0, NULL, &w), -EINVAL);
    assert_int_equal(yibu_add_reader(NULL, 0, look, &w), -EINVAL);
    assert_int_equal(yibu_remove_reader(loop, 12345), 0);
    assert_int_equal(yibu_remove_reader(loop, -1), 0);
}

static void a_closed_descriptor_is_refused(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    test_close_pair(pair);
    watcher w = {.loop = loop};
    assert_int_equal(yibu_add_reader(loop, pair[0], look, &w), -EBADF);
    assert_int_equal(yibu_remove_reader(loop, pair[0]), 0);
    test_loop_drain(loop);
    assert_int_equal(w.calls, 0);
}

static void a_regular_file_is_always_ready(void **state)
{
    yibu_loop *loop = *state;
    FILE *file = tmpfile();
    watcher w = {.loop = loop, .fd = fileno(file)};
    assert_int_equal(yibu_add_reader(loop, w.fd, look, &w), 0);
    test_loop_until(loop, &w.done);
    assert_int_equal(yibu_remove_reader(loop, w.fd), 1);
    test_loop_drain(loop);
    fclose(file);
}

static void watches_end_with_their_loop(void **state)
{
    (void)state;
    yibu_loop *loop;
    int pair[2];
    test_pair(pair);
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    watcher w = {.loop = loop, .fd = pair[0]};
    yibu_add_reader(loop, pair[0], look, &w);
    yibu_add_writer(loop, pair[0], look, &w);
    put(pair[1]);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(w.calls, 0);
    test_close_pair(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(a_reader_is_called_in_every_turn_until_its_descriptor_is_drained),
        loop_unit_test(a_writer_is_called_when_there_is_room),
        loop_unit_test(reader_and_writer_of_one_descriptor_are_apart),
        loop_unit_test(a_second_reader_replaces_the_first),
        loop_unit_test(the_end_of_the_peer_is_readable),
        loop_unit_test(a_reader_may_remove_itself),
        loop_unit_test(a_reader_may_remove_itself_and_come_back),
        loop_unit_test(a_reader_may_replace_itself),
        loop_unit_test(a_reader_that_another_removed_in_the_same_turn_is_not_called),
        loop_unit_test(a_removed_and_closed_number_serves_another_file),
        loop_unit_test(a_number_closed_by_others_can_be_watched_again),
        loop_unit_test(a_closed_number_can_be_removed_late),
        loop_unit_test(polls_assume_nothing_of_a_number_between_them),
        loop_unit_test(a_copy_of_a_closed_file_does_not_confuse_its_number),
        loop_unit_test(what_cannot_be_watched_is_refused),
        loop_unit_test(a_closed_descriptor_is_refused),
        loop_unit_test(a_regular_file_is_always_ready),
        cmocka_unit_test(watches_end_with_their_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
