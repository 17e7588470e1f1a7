/* Whom a client and a server believe, and what they say where they do not. */
#include "world.h"

LOOP_TEST(a_client_that_trusts_the_issuer_connects)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), 0);
    w.options.server_name = "www.example.org";
    assert_int_equal(try_world(&w), 0);
    w.options.server_name = NULL; /* the host: 127.0.0.1 */
    assert_int_equal(try_world(&w), 0);
    w.options.server_name = "::1";
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

static void refuses(const char *certificate, int code, const char *text)
{
    world w;
    begin_world(&w, certificate);
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), code);
    assert_non_null(strstr(w.text, text));
    end_world(&w);
}

LOOP_TEST(a_certificate_that_is_not_believed_is_told_by_its_cause)
{
    refuses("wrong-host", YIBU_TLS_EHOST, "hostname mismatch");
    refuses("expired", YIBU_TLS_EEXPIRED, "certificate has expired");
    refuses("future", YIBU_TLS_ENOTYET, "not yet valid");
    refuses("self-signed", YIBU_TLS_ESELFSIGNED, "self-signed");
    refuses("other-client", YIBU_TLS_EUNKNOWNCA, "unable to get local issuer");
    return 0;
}

LOOP_TEST(only_alternative_names_count_and_stars_stand_alone)
{
    refuses("nameless", YIBU_TLS_EHOST, "hostname mismatch");
    world w;
    begin_world(&w, "partial");
    serve_world(&w, echo);
    w.options.server_name = "second.example.org";
    assert_int_equal(try_world(&w), YIBU_TLS_EHOST);
    end_world(&w);
    return 0;
}

LOOP_TEST(a_dot_at_the_end_of_a_name_is_not_verified)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    w.options.server_name = "localhost.";
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

LOOP_TEST(a_name_is_not_matched_by_more_than_a_label)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    static const char *const names[] = {"a.b.example.org", "example.org", "localhost.example",
                                        "127.0.0.2", "::2"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        w.options.server_name = names[i];
        assert_int_equal(try_world(&w), YIBU_TLS_EHOST);
    }
    end_world(&w);
    return 0;
}

LOOP_TEST(without_an_issuer_of_ones_own_the_systems_are_trusted)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_tls_context_free(w.client);
    w.client = new_context(YIBU_TLS_CLIENT);
    assert_int_equal(try_world(&w), YIBU_TLS_EUNKNOWNCA);
    setenv("SSL_CERT_FILE", made("ca.pem"), 1); /* where OpenSSL looks for the system's */
    yibu_tls_context_free(w.client);
    w.client = NULL;
    assert_int_equal(try_world(&w), 0);
    unsetenv("SSL_CERT_FILE");
    end_world(&w);
    return 0;
}

LOOP_TEST(verification_can_be_turned_off_in_parts)
{
    world w;
    begin_world(&w, "wrong-host");
    serve_world(&w, echo);
    assert_int_equal(yibu_tls_context_set_check_hostname(w.client, false), 0);
    assert_int_equal(try_world(&w), 0);
    yibu_tls_context_free(w.client);
    w.client = new_context(YIBU_TLS_CLIENT);
    assert_int_equal(yibu_tls_context_set_verify_mode(w.client, YIBU_TLS_CERT_NONE), 0);
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

static void crl(const char *certificate, const char *list, unsigned flags, int code)
{
    world w;
    begin_world(&w, certificate);
    serve_world(&w, echo);
    if (list)
        assert_int_equal(yibu_tls_context_load_verify_locations(w.client, made(list), NULL), 0);
    assert_int_equal(yibu_tls_context_set_verify_flags(w.client, flags), 0);
    assert_int_equal(try_world(&w), code);
    end_world(&w);
}

LOOP_TEST(a_revoked_certificate_is_refused_where_lists_are_looked_at)
{
    crl("revoked", "crl.pem", 0, 0);
    crl("revoked", "crl.pem", YIBU_TLS_VERIFY_CRL_CHECK_LEAF, YIBU_TLS_EREVOKED);
    crl("revoked", "crl.pem", YIBU_TLS_VERIFY_CRL_CHECK_CHAIN, YIBU_TLS_EREVOKED);
    crl("server", "crl.pem", YIBU_TLS_VERIFY_CRL_CHECK_LEAF, 0);
    crl("server", NULL, YIBU_TLS_VERIFY_CRL_CHECK_LEAF, YIBU_TLS_ENOCRL);
    crl("server", "old-crl.pem", YIBU_TLS_VERIFY_CRL_CHECK_LEAF, YIBU_TLS_ENOCRL);
    return 0;
}

LOOP_TEST(intermediate_certificates_are_shown)
{
    world w;
    begin_world(&w, "chain");
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    refuses("leaf", YIBU_TLS_EUNKNOWNCA, "unable to get local issuer");
    return 0;
}

/* Client certificates. */

static intptr_t greet_by_subject(yibu_stream *stream, void *arg)
{
    (void)arg;
    yibu_tls_certificate peer = {.size = sizeof(peer)};
    int r = yibu_tls_get_peer_certificate(stream, &peer);
    const char *name = r == 0 ? peer.subject : r == -ENOENT ? "nobody" : "?";
    yibu_stream_write(stream, name, strlen(name));
    return 0;
}

static void mutual(yibu_tls_verify_mode mode, const char *client, const char *greeting)
{
    world w;
    begin_world(&w, "server");
    trust_ca(w.server);
    assert_int_equal(yibu_tls_context_set_verify_mode(w.server, mode), 0);
    serve_world(&w, greet_by_subject);
    if (client)
        load_pair(w.client, client);
    yibu_stream *stream;
    char *data;
    assert_int_equal(connect_world(&w, &stream), 0);
    ssize_t n = yibu_stream_read_all(stream, 100, &data);
    if (greeting) {
        assert_int_equal(n, (ssize_t)strlen(greeting));
        assert_memory_equal(data, greeting, strlen(greeting));
        close_stream(stream);
    } else { /* TLS 1.3: the client is done before it is judged */
        assert_int_equal(n, YIBU_TLS_EREJECTED);
        assert_true(yibu_tls_error_text(stream)[0] != '\0');
        yibu_stream_free(stream);
    }
    end_world(&w);
}

LOOP_TEST(a_server_asks_for_certificates_as_it_is_told)
{
    mutual(YIBU_TLS_CERT_NONE, "client", "nobody");
    mutual(YIBU_TLS_CERT_OPTIONAL, NULL, "nobody");
    mutual(YIBU_TLS_CERT_OPTIONAL, "client", "CN=a client");
    mutual(YIBU_TLS_CERT_OPTIONAL, "other-client", NULL);
    mutual(YIBU_TLS_CERT_REQUIRED, "client", "CN=a client");
    mutual(YIBU_TLS_CERT_REQUIRED, "other-client", NULL);
    mutual(YIBU_TLS_CERT_REQUIRED, NULL, NULL);
    return 0;
}

LOOP_TEST(the_server_hears_why_a_client_was_refused)
{
    world w;
    begin_world(&w, "server");
    trust_ca(w.server);
    assert_int_equal(yibu_tls_context_set_verify_mode(w.server, YIBU_TLS_CERT_REQUIRED), 0);
    assert_int_equal(yibu_tls_context_set_versions(w.server, YIBU_TLS_1_2, YIBU_TLS_1_2), 0);
    serve_world(&w, echo);
    assert_true(try_world(&w) < 0);
    assert_int_equal(w.server_failure, YIBU_TLS_ENOCERTIFICATE);
    load_pair(w.client, "other-client");
    assert_int_equal(try_world(&w), YIBU_TLS_EREJECTED);
    assert_int_equal(w.server_failure, YIBU_TLS_EUNKNOWNCA);
    end_world(&w);
    return 0;
}

LOOP_TEST(the_server_hears_that_it_is_not_believed)
{
    world w;
    begin_world(&w, "expired");
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), YIBU_TLS_EEXPIRED);
    while (w.server_failure == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(w.server_failure, YIBU_TLS_EREJECTED);
    end_world(&w);
    return 0;
}

LOOP_TEST(a_client_without_a_name_to_verify_is_refused)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    assert_int_equal(yibu_open_connection("127.0.0.1", yibu_server_port(w.listener), NULL, &stream),
                     0);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, NULL), -EINVAL);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_trusts_the_issuer_connects),
        cmocka_unit_test(a_certificate_that_is_not_believed_is_told_by_its_cause),
        cmocka_unit_test(only_alternative_names_count_and_stars_stand_alone),
        cmocka_unit_test(a_dot_at_the_end_of_a_name_is_not_verified),
        cmocka_unit_test(a_name_is_not_matched_by_more_than_a_label),
        cmocka_unit_test(without_an_issuer_of_ones_own_the_systems_are_trusted),
        cmocka_unit_test(verification_can_be_turned_off_in_parts),
        cmocka_unit_test(a_revoked_certificate_is_refused_where_lists_are_looked_at),
        cmocka_unit_test(intermediate_certificates_are_shown),
        cmocka_unit_test(a_server_asks_for_certificates_as_it_is_told),
        cmocka_unit_test(the_server_hears_why_a_client_was_refused),
        cmocka_unit_test(the_server_hears_that_it_is_not_believed),
        cmocka_unit_test(a_client_without_a_name_to_verify_is_refused),
    };
    return run_tls_tests(tests);
}
