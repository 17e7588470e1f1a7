/* Sessions that are resumed, and those that must not be. */
#include "world.h"

/* Connects with a session (or none), and gives the one that the connection leaves behind. */
static int resume(world *w, const yibu_tls_session *session, bool *ret_reused,
                  yibu_tls_session **ret_session)
{
    yibu_stream *stream;
    w->options.session = session;
    int r = connect_world(w, &stream);
    w->options.session = NULL;
    if (r < 0)
        return r;
    yibu_tls_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_tls_get_info(stream, &info), 0);
    *ret_reused = info.session_reused;
    talk(stream); /* TLS 1.3's tickets come before the answer */
    if (ret_session)
        assert_int_equal(yibu_tls_get_session(stream, ret_session), 0);
    close_stream(stream);
    return 0;
}

static void check_version(yibu_tls_version version)
{
    world w;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_versions(w.server, version, version), 0);
    serve_world(&w, echo);
    yibu_tls_session *first, *second;
    bool reused;
    assert_int_equal(resume(&w, NULL, &reused, &first), 0);
    assert_false(reused);
    assert_int_equal(resume(&w, first, &reused, &second), 0);
    assert_true(reused);
    yibu_tls_session_free(first);
    yibu_tls_session_free(second);
    end_world(&w);
}

LOOP_TEST(a_session_is_resumed)
{
    check_version(YIBU_TLS_1_3);
    check_version(YIBU_TLS_1_2);
    return 0;
}

LOOP_TEST(a_session_survives_as_bytes)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_tls_session *session, *loaded;
    bool reused;
    assert_int_equal(resume(&w, NULL, &reused, &session), 0);
    ssize_t size = yibu_tls_session_save(session, NULL, 0);
    assert_true(size > 0);
    char *bytes = malloc((size_t)size);
    assert_int_equal(yibu_tls_session_save(session, bytes, (size_t)size), size);
    yibu_tls_session_free(session);
    assert_int_equal(yibu_tls_session_load(bytes, (size_t)size, &loaded), 0);
    assert_int_equal(resume(&w, loaded, &reused, NULL), 0);
    assert_true(reused);
    yibu_tls_session_free(loaded);
    assert_int_equal(yibu_tls_session_load("nonsense", 8, &loaded), -EINVAL);
    free(bytes);
    end_world(&w);
    return 0;
}

/* A session brings its certificate along unseen: another host must not inherit it. */
LOOP_TEST(a_session_of_another_host_is_not_believed)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_tls_session *session;
    bool reused;
    assert_int_equal(resume(&w, NULL, &reused, &session), 0);
    w.options.server_name = "second.test"; /* which the certificate is not for */
    int r = resume(&w, session, &reused, NULL);
    assert_int_equal(r, YIBU_TLS_EHOST);
    yibu_tls_session_free(session);
    w.options.server_name = "127.0.0.1"; /* addresses are not asked for: the server cannot tell */
    assert_int_equal(resume(&w, NULL, &reused, &session), 0);
    w.options.server_name = "127.0.0.2";
    assert_int_equal(resume(&w, session, &reused, NULL), YIBU_TLS_EHOST);
    assert_non_null(strstr(w.text, "session"));
    yibu_tls_session_free(session);
    end_world(&w);
    return 0;
}

/* What a context did not mind, another one does. */
LOOP_TEST(a_session_that_was_not_verified_is_not_believed)
{
    world w;
    begin_world(&w, "self-signed");
    serve_world(&w, echo);
    yibu_tls_session *session;
    bool reused;
    assert_int_equal(yibu_tls_context_set_verify_mode(w.client, YIBU_TLS_CERT_NONE), 0);
    assert_int_equal(resume(&w, NULL, &reused, &session), 0);
    for (int checks = 0; checks < 2; checks++) {
        yibu_tls_context_free(w.client);
        w.client = client_context();
        assert_int_equal(yibu_tls_context_set_check_hostname(w.client, checks), 0);
        assert_int_equal(resume(&w, session, &reused, NULL), YIBU_TLS_ESELFSIGNED);
    }
    yibu_tls_session_free(session);
    end_world(&w);
    return 0;
}

/* A name that asks for certificates is not entered with the session of one that does not. */
static void enter_with_session(yibu_tls_version version)
{
    world w;
    begin_world(&w, "server");
    yibu_tls_context *strict = server_context("second");
    trust_ca(strict);
    assert_int_equal(yibu_tls_context_set_verify_mode(strict, YIBU_TLS_CERT_REQUIRED), 0);
    assert_int_equal(yibu_tls_context_add_server_name(w.server, "second.test", strict), 0);
    yibu_tls_context_free(strict);
    assert_int_equal(yibu_tls_context_set_verify_mode(w.client, YIBU_TLS_CERT_NONE), 0);
    assert_int_equal(yibu_tls_context_set_versions(w.client, version, version), 0);
    serve_world(&w, echo);
    yibu_tls_session *session;
    bool reused;
    assert_int_equal(resume(&w, NULL, &reused, &session), 0);
    w.options.server_name = "second.test";
    w.options.session = session;
    yibu_stream *stream;
    char byte;
    int r = connect_world(&w, &stream);
    if (r == 0) { /* with TLS 1.3 the server's refusal comes behind the handshake */
        assert_int_equal(yibu_stream_write(stream, "x", 1), 0);
        r = (int)yibu_stream_read(stream, &byte, 1);
        yibu_stream_free(stream);
    }
    assert_true(r < 0);
    assert_int_equal(w.server_failure, YIBU_TLS_ENOCERTIFICATE);
    yibu_tls_session_free(session);
    end_world(&w);
}

LOOP_TEST(a_session_does_not_stand_in_for_a_certificate)
{
    enter_with_session(YIBU_TLS_1_2);
    enter_with_session(YIBU_TLS_1_3);
    return 0;
}

LOOP_TEST(a_server_that_gives_no_tickets_resumes_nothing)
{
    static const yibu_tls_version versions[] = {YIBU_TLS_1_2, YIBU_TLS_1_3};
    for (size_t i = 0; i < 2; i++) {
        world w;
        begin_world(&w, "server");
        assert_int_equal(yibu_tls_context_set_versions(w.server, versions[i], versions[i]), 0);
        assert_int_equal(yibu_tls_context_set_num_tickets(w.server, 0), 0);
        serve_world(&w, echo);
        yibu_stream *stream;
        yibu_tls_session *session;
        assert_int_equal(connect_world(&w, &stream), 0);
        talk(stream);
        assert_int_equal(yibu_tls_get_session(stream, &session), -ENOENT);
        close_stream(stream);
        end_world(&w);
    }
    return 0;
}

LOOP_TEST(a_server_that_does_not_know_the_session_shakes_hands_anew)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_tls_session *session;
    bool reused;
    assert_int_equal(resume(&w, NULL, &reused, &session), 0);
    end_world(&w);
    begin_world(&w, "server"); /* with keys of its own */
    serve_world(&w, echo);
    assert_int_equal(resume(&w, session, &reused, NULL), 0);
    assert_false(reused);
    yibu_tls_session_free(session);
    end_world(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_resumed),
        cmocka_unit_test(a_session_survives_as_bytes),
        cmocka_unit_test(a_session_of_another_host_is_not_believed),
        cmocka_unit_test(a_session_that_was_not_verified_is_not_believed),
        cmocka_unit_test(a_session_does_not_stand_in_for_a_certificate),
        cmocka_unit_test(a_server_that_gives_no_tickets_resumes_nothing),
        cmocka_unit_test(a_server_that_does_not_know_the_session_shakes_hands_anew),
    };
    return run_tls_tests(tests);
}
