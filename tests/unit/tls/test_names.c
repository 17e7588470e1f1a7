/* Several names and several application protocols at one server. */
#include "world.h"

/* Says by whose certificate it is served, through what the client sees. */
static void served_by(world *w, const char *name, const char *subject)
{
    yibu_stream *stream;
    w->options.server_name = name;
    assert_int_equal(yibu_tls_context_set_check_hostname(w->client, false), 0);
    assert_int_equal(connect_world(w, &stream), 0);
    yibu_tls_certificate peer = {.size = sizeof(peer)};
    assert_int_equal(yibu_tls_get_peer_certificate(stream, &peer), 0);
    assert_string_equal(peer.subject, subject);
    talk(stream);
    close_stream(stream);
}

static void with_both_versions(void (*check)(world *w))
{
    static const yibu_tls_version versions[] = {YIBU_TLS_1_2, YIBU_TLS_1_3};
    for (size_t i = 0; i < 2; i++) {
        world w;
        begin_world(&w, "server");
        assert_int_equal(yibu_tls_context_set_versions(w.server, versions[i], versions[i]), 0);
        check(&w);
        end_world(&w);
    }
}

static void check_names(world *w)
{
    yibu_tls_context *second = server_context("second"), *any = server_context("wrong-host");
    assert_int_equal(yibu_tls_context_add_server_name(w->server, "*.test", any), 0);
    assert_int_equal(yibu_tls_context_add_server_name(w->server, "Second.test", second), 0);
    yibu_tls_context_free(second); /* the server's context keeps them */
    yibu_tls_context_free(any);
    serve_world(w, echo);
    served_by(w, "localhost", "CN=localhost");
    served_by(w, "second.TEST", "CN=second.test");
    served_by(w, "third.test", "CN=nowhere.test");
    served_by(w, "a.third.test", "CN=localhost");
    served_by(w, "127.0.0.1", "CN=localhost");
}

LOOP_TEST(a_server_chooses_its_certificate_by_name)
{
    with_both_versions(check_names);
    return 0;
}

typedef struct choice {
    yibu_tls_context *context;
    char asked[64];
} choice;

static int choose(const char *name, yibu_tls_context **ret_context, void *arg)
{
    choice *c = arg;
    snprintf(c->asked, sizeof(c->asked), "%s", name ? name : "(none)");
    if (name && strcmp(name, "unknown.test") == 0)
        return -ENOENT;
    if (name && strcmp(name, "second.test") == 0)
        *ret_context = c->context;
    return 0;
}

static void check_callback(world *w)
{
    choice c = {.context = server_context("second")};
    assert_int_equal(yibu_tls_context_set_server_name_callback(w->server, choose, &c), 0);
    serve_world(w, echo);
    served_by(w, "second.test", "CN=second.test");
    served_by(w, "other.test", "CN=localhost");
    assert_string_equal(c.asked, "other.test");
    served_by(w, "127.0.0.1", "CN=localhost");
    assert_string_equal(c.asked, "(none)");
    w->options.server_name = "unknown.test";
    assert_int_equal(try_world(w), YIBU_TLS_ENAME);
    assert_int_equal(w->server_failure, YIBU_TLS_ENAME);
    yibu_tls_context_free(c.context);
}

LOOP_TEST(a_callback_chooses_or_refuses)
{
    with_both_versions(check_callback);
    return 0;
}

/* The other name's rules hold, not those of the context that listens. */
static void check_rules(world *w)
{
    yibu_tls_context *strict = server_context("second");
    trust_ca(strict);
    assert_int_equal(yibu_tls_context_set_verify_mode(strict, YIBU_TLS_CERT_REQUIRED), 0);
    assert_int_equal(yibu_tls_context_add_server_name(w->server, "second.test", strict), 0);
    yibu_tls_context_free(strict);
    serve_world(w, echo);
    served_by(w, "localhost", "CN=localhost");
    yibu_stream *stream;
    char byte;
    w->options.server_name = "second.test";
    int r = connect_world(w, &stream);
    if (r == 0) {
        assert_true(yibu_stream_read(stream, &byte, 1) < 0);
        yibu_stream_free(stream);
    }
    load_pair(w->client, "client");
    served_by(w, "second.test", "CN=second.test");
}

LOOP_TEST(each_name_has_its_own_rules)
{
    with_both_versions(check_rules);
    return 0;
}

/* Application protocols. */

static void agree(const char *const *ours, size_t count, const char *agreed)
{
    static const char *const theirs[] = {"h2", "http/1.1"};
    world w;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_alpn_protocols(w.server, theirs, 2), 0);
    if (count > 0)
        assert_int_equal(yibu_tls_context_set_alpn_protocols(w.client, ours, count), 0);
    serve_world(&w, echo);
    yibu_stream *stream;
    int r = connect_world(&w, &stream);
    if (r == 0) {
        yibu_tls_info info = {.size = sizeof(info)};
        assert_int_equal(yibu_tls_get_info(stream, &info), 0);
        if (agreed)
            assert_string_equal(info.alpn, agreed);
        else
            assert_null(info.alpn);
        close_stream(stream);
    } else {
        assert_int_equal(r, YIBU_TLS_EALPN);
        assert_string_equal(agreed, "nothing");
        assert_int_equal(w.server_failure, YIBU_TLS_EALPN);
    }
    end_world(&w);
}

LOOP_TEST(the_servers_first_protocol_that_the_client_offers_is_taken)
{
    static const char *const both[] = {"http/1.1", "h2"}, *const old[] = {"http/1.0", "http/1.1"},
                             *const strange[] = {"smtp"};
    agree(both, 2, "h2");
    agree(old, 2, "http/1.1");
    agree(NULL, 0, NULL);
    agree(strange, 1, "nothing");
    return 0;
}

static void lists_that_cannot_be_sent_are_refused(void **state)
{
    (void)state;
    yibu_tls_context *context = new_context(YIBU_TLS_CLIENT);
    char name[257];
    memset(name, 'x', 256);
    name[256] = '\0';
    const char *const longest = name + 1, *const longer = name, *const none = "";
    assert_int_equal(yibu_tls_context_set_alpn_protocols(context, &longest, 1), 0);
    assert_int_equal(yibu_tls_context_set_alpn_protocols(context, &longer, 1), -EINVAL);
    assert_int_equal(yibu_tls_context_set_alpn_protocols(context, &none, 1), -EINVAL);
    assert_int_equal(yibu_tls_context_set_alpn_protocols(context, NULL, 0), -EINVAL);
    assert_int_equal(yibu_tls_context_add_server_name(context, "x", context), -EINVAL);
    assert_int_equal(yibu_tls_context_set_server_name_callback(context, choose, NULL), -EINVAL);
    yibu_tls_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_chooses_its_certificate_by_name),
        cmocka_unit_test(a_callback_chooses_or_refuses),
        cmocka_unit_test(each_name_has_its_own_rules),
        cmocka_unit_test(the_servers_first_protocol_that_the_client_offers_is_taken),
        cmocka_unit_test(lists_that_cannot_be_sent_are_refused),
    };
    return run_tls_tests(tests);
}
