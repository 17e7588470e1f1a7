/* What is known of a connection and of who is at its other end. */
#include "world.h"

LOOP_TEST(a_connection_says_what_was_agreed_on)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    yibu_tls_info info = {.size = sizeof(info)};
    assert_int_equal(connect_world(&w, &stream), 0);
    assert_int_equal(yibu_tls_get_info(stream, &info), 0);
    assert_string_equal(info.version, "TLSv1.3");
    assert_non_null(strstr(info.cipher, "TLS_"));
    assert_true(info.cipher_bits >= 128);
    assert_null(info.alpn);
    assert_string_equal(info.server_name, "localhost");
    assert_false(info.session_reused);
    assert_true(info.has_peer_certificate);
    assert_non_null(yibu_tls_get_ssl(stream));
    yibu_stream_info below = {.size = sizeof(below)};
    assert_int_equal(yibu_stream_get_extra_info(stream, &below), 0);
    assert_true(below.fd >= 0);
    assert_int_equal(yibu_address_port(&below.peer), yibu_server_port(w.listener));
    close_stream(stream);
    end_world(&w);
    return 0;
}

LOOP_TEST(a_certificate_is_taken_apart)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    yibu_tls_certificate c = {.size = sizeof(c)};
    assert_int_equal(yibu_tls_get_peer_certificate(stream, &c), 0);
    assert_string_equal(c.subject, "CN=localhost");
    assert_string_equal(c.issuer, "CN=ca");
    assert_true(strlen(c.serial_number) >= 8);
    assert_true(c.not_before == 1577836800); /* 2020-01-01 */
    assert_true(c.not_after == 4102444799);  /* 2099-12-31 */
    static const char *const names[] = {"DNS:localhost", "DNS:*.example.org", "IP:127.0.0.1",
                                        "IP:0:0:0:0:0:0:0:1"};
    assert_int_equal(c.alternative_name_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(c.alternative_names[i], names[i]);
    const unsigned char *at = c.der;
    X509 *x509 = d2i_X509(NULL, &at, (long)c.der_size);
    assert_non_null(x509);
    X509_free(x509);
    const char *subject = c.subject;
    assert_int_equal(yibu_tls_get_peer_certificate(stream, &c), 0);
    assert_ptr_equal(c.subject, subject);
    close_stream(stream);
    end_world(&w);
    return 0;
}

typedef struct bindings {
    char unique[64], exporter[64];
    ssize_t unique_size, exporter_size;
} bindings;

static void read_bindings(yibu_stream *stream, bindings *b)
{
    b->unique_size = yibu_tls_get_channel_binding(stream, "tls-unique", b->unique, 64);
    b->exporter_size = yibu_tls_get_channel_binding(stream, "tls-exporter", b->exporter, 64);
}

static intptr_t serve_bindings(yibu_stream *stream, void *arg)
{
    world *w = arg;
    read_bindings(stream, w->arg);
    return echo(stream, NULL);
}

static void compare_bindings(yibu_tls_version version)
{
    world w;
    bindings theirs, ours;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_versions(w.server, version, version), 0);
    w.arg = &theirs;
    serve_world(&w, serve_bindings);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    talk(stream);
    read_bindings(stream, &ours);
    assert_int_equal(ours.exporter_size, 32);
    assert_int_equal(theirs.exporter_size, 32);
    assert_memory_equal(ours.exporter, theirs.exporter, 32);
    assert_int_equal(ours.unique_size, version == YIBU_TLS_1_2 ? 12 : -ENOTSUP);
    assert_int_equal(theirs.unique_size, ours.unique_size);
    if (ours.unique_size > 0)
        assert_memory_equal(ours.unique, theirs.unique, 12);
    assert_int_equal(yibu_tls_get_channel_binding(stream, "tls-exporter", ours.unique, 31),
                     -ENOSPC);
    assert_int_equal(yibu_tls_get_channel_binding(stream, "other", ours.unique, 64), -ENOTSUP);
    close_stream(stream);
    end_world(&w);
}

LOOP_TEST(both_ends_have_the_same_channel_binding)
{
    compare_bindings(YIBU_TLS_1_3);
    compare_bindings(YIBU_TLS_1_2);
    return 0;
}

LOOP_TEST(other_streams_know_nothing_of_tls)
{
    pair p = connect_pair();
    yibu_stream *stream;
    assert_int_equal(yibu_stream_new(p.client, NULL, &stream), 0);
    yibu_tls_info info = {.size = sizeof(info)};
    yibu_tls_certificate certificate = {.size = sizeof(certificate)};
    yibu_tls_session *session;
    char bytes[64];
    assert_int_equal(yibu_tls_get_info(stream, &info), -EINVAL);
    assert_int_equal(yibu_tls_get_peer_certificate(stream, &certificate), -EINVAL);
    assert_int_equal(yibu_tls_get_channel_binding(stream, "tls-exporter", bytes, 64), -EINVAL);
    assert_int_equal(yibu_tls_get_session(stream, &session), -EINVAL);
    assert_null(yibu_tls_get_ssl(stream));
    assert_string_equal(yibu_tls_error_text(stream), "");
    yibu_stream_free(stream);
    assert_int_equal(yibu_close(p.server), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_says_what_was_agreed_on),
        cmocka_unit_test(a_certificate_is_taken_apart),
        cmocka_unit_test(both_ends_have_the_same_channel_binding),
        cmocka_unit_test(other_streams_know_nothing_of_tls),
    };
    return run_tls_tests(tests);
}
