/* Transports over descriptors: what a protocol is told, and when. */
#include <errno.h>

#include "recorder.h"

LOOP_TEST(a_protocol_hears_of_its_connection_its_data_and_its_end)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    assert_string_equal(r.log, ""); /* nothing from inside the starting call */
    wait_for_log(&r, "made ");
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    wait_for_log(&r, "made data(hello) ");
    assert_int_equal(yibu_transport_write(r.transport, "answer", 6), 0);
    expect_bytes(peer, "answer");
    close(peer);
    wait_for_log(&r, "made data(hello) eof lost(0) ");
    return 0;
}

LOOP_TEST(a_protocol_with_a_buffer_of_its_own_is_told_how_much_came)
{
    recorder r;
    recorder_init(&r);
    r.protocol.methods = &buffered_methods;
    r.room = 3;
    int peer = recorder_open(&r, NULL);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    wait_for_log(&r, "made updated(hel) updated(lo) ");
    close(peer);
    wait_for_log(&r, "made updated(hel) updated(lo) eof lost(0) ");
    return 0;
}

LOOP_TEST(a_protocol_without_room_loses_its_connection)
{
    recorder r;
    recorder_init(&r);
    r.protocol.methods = &buffered_methods;
    int peer = recorder_open(&r, NULL);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    wait_for_log(&r, "made lost(ENOBUFS) ");
    close(peer);
    return 0;
}

LOOP_TEST(nobody_is_told_of_data_while_reading_is_paused)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    wait_for_log(&r, "made ");
    assert_true(yibu_transport_is_reading(r.transport));
    assert_int_equal(yibu_transport_pause_reading(r.transport), 0);
    assert_int_equal(yibu_transport_pause_reading(r.transport), 0);
    assert_false(yibu_transport_is_reading(r.transport));
    assert_int_equal(send(peer, "later", 5, 0), 5);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    assert_string_equal(r.log, "made ");
    assert_int_equal(yibu_transport_resume_reading(r.transport), 0);
    assert_int_equal(yibu_transport_resume_reading(r.transport), 0);
    assert_string_equal(r.log, "made ");
    wait_for_log(&r, "made data(later) ");
    yibu_transport_close(r.transport);
    wait_for_log(&r, "made data(later) lost(0) ");
    close(peer);
    return 0;
}

LOOP_TEST(a_pause_in_the_middle_of_what_has_come_keeps_the_rest)
{
    recorder r;
    recorder_init(&r);
    r.protocol.methods = &buffered_methods;
    r.room = 3;
    r.event = "updated";
    r.act = ACT_PAUSE_READING;
    int peer = recorder_open(&r, NULL);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    wait_for_log(&r, "made updated(hel) ");
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    assert_string_equal(r.log, "made updated(hel) ");
    r.room = 1;
    assert_int_equal(yibu_transport_resume_reading(r.transport), 0);
    wait_for_log(&r, "made updated(hel) updated(l) updated(o) ");
    close(peer);
    wait_for_log(&r, "made updated(hel) updated(l) updated(o) eof lost(0) ");
    return 0;
}

LOOP_TEST(a_paused_connection_still_can_be_closed_aborted_and_freed)
{
    void (*const ends[])(yibu_transport *) = {yibu_transport_close, yibu_transport_abort,
                                              yibu_transport_free};
    int descriptors = count_descriptors();
    for (int i = 0; i < 3; i++) {
        recorder r;
        recorder_init(&r);
        int peer = recorder_open(&r, NULL);
        wait_for_log(&r, "made ");
        assert_int_equal(yibu_transport_pause_reading(r.transport), 0);
        assert_int_equal(send(peer, "x", 1, 0), 1);
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
        ends[i](r.transport);
        if (i < 2)
            wait_for_log(&r, "made lost(0) ");
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
        assert_string_equal(r.log, i < 2 ? "made lost(0) " : "made ");
        close(peer);
    }
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(write_marks_pause_and_resume_the_writer)
{
    const yibu_stream_options options = {
        .size = sizeof(options), .high_water = 100000, .low_water = 1000};
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, &options);
    size_t high, low;
    wait_for_log(&r, "made ");
    yibu_transport_get_write_buffer_limits(r.transport, &high, &low);
    assert_int_equal(high, 100000);
    assert_int_equal(low, 1000);
    static char much[3000000];
    assert_int_equal(yibu_transport_write(r.transport, much, sizeof(much)), 0);
    assert_string_equal(r.log, "made pause "); /* from inside, as in asyncio */
    assert_true(yibu_transport_get_write_buffer_size(r.transport) > 100000);
    drain_peer(peer, sizeof(much));
    wait_for_log(&r, "made pause resume ");
    assert_int_equal(yibu_transport_get_write_buffer_size(r.transport), 0);
    assert_int_equal(yibu_transport_set_write_buffer_limits(r.transport, 1, 2), -EINVAL);
    yibu_transport_close(r.transport);
    wait_for_log(&r, "made pause resume lost(0) ");
    close(peer);
    return 0;
}

LOOP_TEST(limits_that_change_call_at_once)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    wait_for_log(&r, "made ");
    static char much[3000000];
    assert_int_equal(yibu_transport_set_write_buffer_limits(r.transport, sizeof(much), 0), 0);
    assert_int_equal(yibu_transport_write(r.transport, much, sizeof(much)), 0);
    assert_string_equal(r.log, "made ");
    assert_int_equal(yibu_transport_set_write_buffer_limits(r.transport, 0, 0), 0);
    assert_string_equal(r.log, "made pause ");
    assert_int_equal(
        yibu_transport_set_write_buffer_limits(r.transport, sizeof(much), sizeof(much)), 0);
    assert_string_equal(r.log, "made pause resume ");
    yibu_transport_abort(r.transport);
    wait_for_log(&r, "made pause resume lost(0) ");
    close(peer);
    return 0;
}

LOOP_TEST(a_full_transport_takes_nothing_more)
{
    const yibu_stream_options options = {.size = sizeof(options), .max_buffered = 1};
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, &options);
    static char much[3000000];
    assert_int_equal(yibu_transport_write(r.transport, much, sizeof(much)), 0);
    assert_int_equal(yibu_transport_write(r.transport, "x", 1), -ENOBUFS);
    assert_int_equal(yibu_transport_write(r.transport, NULL, 1), -EINVAL);
    yibu_transport_free(r.transport);
    close(peer);
    return 0;
}

LOOP_TEST(close_sends_what_was_written_first_and_reads_no_more)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    wait_for_log(&r, "made ");
    static char much[3000000];
    struct iovec pieces[] = {{much, sizeof(much) - 10}, {much, 10}};
    assert_int_equal(yibu_transport_writelines(r.transport, pieces, 2), 0);
    assert_int_equal(send(peer, "unread", 6, 0), 6);
    yibu_transport_close(r.transport);
    assert_true(yibu_transport_is_closing(r.transport));
    assert_false(yibu_transport_is_reading(r.transport));
    assert_int_equal(yibu_transport_write(r.transport, "x", 1), -EPIPE);
    assert_int_equal(yibu_transport_pause_reading(r.transport), -EPIPE);
    assert_int_equal(yibu_transport_resume_reading(r.transport), -EPIPE);
    drain_peer(peer, sizeof(much));
    wait_for_log(&r, "made pause lost(0) ");
    close(peer);
    return 0;
}

LOOP_TEST(abort_drops_what_waits)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    wait_for_log(&r, "made ");
    static char much[3000000];
    assert_int_equal(yibu_transport_write(r.transport, much, sizeof(much)), 0);
    yibu_transport_abort(r.transport);
    yibu_transport_abort(r.transport);
    yibu_transport_close(r.transport);
    assert_string_equal(r.log, "made pause ");
    wait_for_log(&r, "made pause lost(0) ");
    close(peer);
    return 0;
}

LOOP_TEST(a_reset_loses_the_connection_with_its_reason)
{
    recorder r;
    recorder_init(&r);
    pair p = connect_pair();
    assert_int_equal(open_transport(p.client, &r.protocol, NULL, &r.transport), 0);
    wait_for_log(&r, "made ");
    close_will_reset(p.server);
    assert_int_equal(yibu_close(p.server), 0);
    wait_for_log(&r, "made lost(ECONNRESET) ");
    return 0;
}

LOOP_TEST(a_failed_write_loses_the_connection)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    wait_for_log(&r, "made ");
    assert_int_equal(yibu_transport_pause_reading(r.transport), 0);
    close(peer);
    assert_int_equal(yibu_transport_write(r.transport, "x", 1), -EPIPE);
    assert_string_equal(r.log, "made ");
    assert_true(yibu_transport_is_closing(r.transport));
    wait_for_log(&r, "made lost(EPIPE) ");
    return 0;
}

LOOP_TEST(a_peer_that_has_ended_its_side_can_still_be_written_to)
{
    recorder r;
    recorder_init(&r);
    r.keep_open = true;
    int peer = recorder_open(&r, NULL);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    wait_for_log(&r, "made eof ");
    assert_false(yibu_transport_is_reading(r.transport));
    assert_false(yibu_transport_is_closing(r.transport));
    assert_int_equal(yibu_transport_write(r.transport, "still", 5), 0);
    expect_bytes(peer, "still");
    yibu_transport_close(r.transport);
    wait_for_log(&r, "made eof lost(0) ");
    close(peer);
    return 0;
}

LOOP_TEST(write_eof_ends_one_side)
{
    recorder r;
    recorder_init(&r);
    int peer = recorder_open(&r, NULL);
    wait_for_log(&r, "made ");
    assert_true(yibu_transport_can_write_eof(r.transport));
    assert_int_equal(yibu_transport_write(r.transport, "last", 4), 0);
    assert_int_equal(yibu_transport_write_eof(r.transport), 0);
    assert_int_equal(yibu_transport_write_eof(r.transport), 0);
    assert_int_equal(yibu_transport_write(r.transport, "x", 1), -EPIPE);
    expect_bytes(peer, "last");
    char byte;
    assert_int_equal(recv(peer, &byte, 1, 0), 0);
    assert_int_equal(send(peer, "more", 4, 0), 4);
    wait_for_log(&r, "made data(more) ");
    close(peer);
    wait_for_log(&r, "made data(more) eof lost(0) ");
    return 0;
}

LOOP_TEST(a_transport_goes_on_on_another_layer)
{
    recorder r;
    recorder_init(&r);
    int ends[2];
    int peer = recorder_open(&r, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    yibu_layer *other, *first = yibu_transport_get_layer(r.transport);
    assert_int_equal(yibu_fd_layer_new(ends[0], &other), 0);
    wait_for_log(&r, "made ");
    assert_int_equal(yibu_transport_set_layer(r.transport, other), -EINVAL); /* it reads */
    assert_int_equal(yibu_transport_pause_reading(r.transport), 0);
    int e = yibu_transport_set_layer(r.transport, other);
    assert_int_equal(e, recorder_only_reads ? -EBUSY : 0);
    if (e == 0) {
        assert_ptr_equal(yibu_transport_get_layer(r.transport), other);
        assert_int_equal(yibu_transport_resume_reading(r.transport), 0);
        assert_int_equal(send(ends[1], "there", 5, 0), 5);
        wait_for_log(&r, "made data(there) ");
    }
    yibu_layer *left = e == 0 ? first : other;
    left->methods->abort(left);
    yibu_transport_abort(r.transport);
    wait_for_end(&r);
    left->methods->free(left);
    close(peer);
    close(ends[1]);
    return 0;
}

LOOP_TEST(every_callback_may_do_everything_to_its_transport)
{
    static const char *const events[] = {"made", "data",  "updated", "eof",
                                         "lost", "pause", "resume",  "buffer"};
    int descriptors = count_descriptors();
    for (size_t event = 0; event < sizeof(events) / sizeof(events[0]); event++)
        for (act a = ACT_CLOSE; a < ACT_COUNT; a++)
            act_at(events[event], a);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(a_new_protocol_is_told_from_then_on)
{
    recorder first, second;
    recorder_init(&first);
    recorder_init(&second);
    int peer = recorder_open(&first, NULL);
    wait_for_log(&first, "made ");
    assert_int_equal(yibu_transport_set_protocol(first.transport, NULL), -EINVAL);
    assert_int_equal(yibu_transport_set_protocol(first.transport, &second.protocol), 0);
    assert_ptr_equal(yibu_transport_get_protocol(first.transport), &second.protocol);
    close(peer);
    wait_for_log(&second, "eof lost(0) ");
    assert_string_equal(first.log, "made ");
    return 0;
}

LOOP_TEST(a_pipe_can_be_a_transport)
{
    recorder r;
    int ends[2];
    recorder_init(&r);
    assert_int_equal(pipe(ends), 0); /* in blocking mode */
    assert_int_equal(open_transport(ends[0], &r.protocol, NULL, &r.transport), 0);
    assert_false(yibu_transport_can_write_eof(r.transport));
    assert_int_equal(yibu_transport_write_eof(r.transport), -ENOTSUP);
    assert_int_equal(write(ends[1], "through", 7), 7);
    wait_for_log(&r, "made data(through) ");
    close(ends[1]);
    wait_for_log(&r, "made data(through) eof lost(0) ");
    return 0;
}

LOOP_TEST(a_transport_says_where_it_is)
{
    recorder r;
    recorder_init(&r);
    pair p = connect_pair();
    assert_int_equal(open_transport(p.client, &r.protocol, NULL, &r.transport), 0);
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_transport_get_extra_info(r.transport, &info), 0);
    assert_int_equal(info.fd, p.client);
    yibu_address local;
    assert_int_equal(yibu_getsockname(p.server, &local), 0);
    assert_int_equal(yibu_address_port(&info.peer), yibu_address_port(&local));
    yibu_transport_abort(r.transport);
    assert_int_equal(yibu_transport_get_extra_info(r.transport, &info), 0);
    assert_int_equal(info.fd, -1);
    wait_for_log(&r, "made lost(0) ");
    assert_int_equal(yibu_close(p.server), 0);
    return 0;
}

LOOP_TEST(what_cannot_be_told_or_opened_is_refused)
{
    static const yibu_protocol_methods half = {.size = sizeof(half), .get_buffer = on_get_buffer};
    static const yibu_protocol_methods old = {.size = 8};
    yibu_protocol bad[] = {{&half}, {&old}, {NULL}};
    recorder r;
    recorder_init(&r);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_transport_new(ends[0], &bad[i], NULL, NULL), -EINVAL);
    assert_int_equal(yibu_transport_new(ends[0], NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_transport_new(-1, &r.protocol, NULL, NULL), -EBADF);
    const yibu_stream_options marks = {.size = sizeof(marks), .high_water = 1, .low_water = 2};
    assert_int_equal(yibu_transport_new(ends[0], &r.protocol, &marks, NULL), -EINVAL);
    close(ends[0]);
    close(ends[1]);
    yibu_transport_free(NULL);
    return 0;
}

static intptr_t leave_a_transport(void *arg)
{
    recorder *r = arg;
    int peer = recorder_open(r, NULL);
    wait_for_log(r, "made ");
    close(dup(peer)); /* peer itself stays open */
    r->peer = peer;
    return 0;
}

static void the_loop_s_end_loses_the_connections_that_are_left(void **state)
{
    (void)state;
    recorder r;
    recorder_init(&r);
    int descriptors = count_descriptors();
    assert_int_equal(yibu_run(leave_a_transport, &r, NULL), 0);
    assert_string_equal(r.log, "made lost(ECANCELED) ");
    close(r.peer);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_protocol_hears_of_its_connection_its_data_and_its_end),
        cmocka_unit_test(a_protocol_with_a_buffer_of_its_own_is_told_how_much_came),
        cmocka_unit_test(a_protocol_without_room_loses_its_connection),
        cmocka_unit_test(nobody_is_told_of_data_while_reading_is_paused),
        cmocka_unit_test(a_pause_in_the_middle_of_what_has_come_keeps_the_rest),
        cmocka_unit_test(a_paused_connection_still_can_be_closed_aborted_and_freed),
        cmocka_unit_test(write_marks_pause_and_resume_the_writer),
        cmocka_unit_test(limits_that_change_call_at_once),
        cmocka_unit_test(a_full_transport_takes_nothing_more),
        cmocka_unit_test(close_sends_what_was_written_first_and_reads_no_more),
        cmocka_unit_test(abort_drops_what_waits),
        cmocka_unit_test(a_reset_loses_the_connection_with_its_reason),
        cmocka_unit_test(a_failed_write_loses_the_connection),
        cmocka_unit_test(a_peer_that_has_ended_its_side_can_still_be_written_to),
        cmocka_unit_test(write_eof_ends_one_side),
        cmocka_unit_test(a_transport_goes_on_on_another_layer),
        cmocka_unit_test(every_callback_may_do_everything_to_its_transport),
        cmocka_unit_test(a_new_protocol_is_told_from_then_on),
        cmocka_unit_test(a_pipe_can_be_a_transport),
        cmocka_unit_test(a_transport_says_where_it_is),
        cmocka_unit_test(what_cannot_be_told_or_opened_is_refused),
        cmocka_unit_test(the_loop_s_end_loses_the_connections_that_are_left),
    };
    int failed = cmocka_run_group_tests_name("layers that can be waited for", tests, NULL, NULL);
    recorder_only_reads = true;
    return failed + cmocka_run_group_tests_name("layers that can only be read", tests, NULL, NULL);
}
