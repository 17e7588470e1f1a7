/* Contexts: what they load and refuse. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "world.h"

static int password(char *ret_password, int size, void *arg)
{
    (void)size;
    memcpy(ret_password, arg, strlen(arg));
    return (int)strlen(arg);
}

static void a_key_that_is_encrypted_asks_for_its_password(void **state)
{
    (void)state;
    yibu_tls_context *context = new_context(YIBU_TLS_SERVER);
    const char *cert = made("server.pem"), *key = made("secret.key");
    char wrong[] = "mellon", right[] = "sesame";
    assert_int_equal(yibu_tls_context_load_cert_chain(context, cert, key), YIBU_TLS_EPASSWORD);
    yibu_tls_context_set_password_callback(context, password, wrong);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, cert, key), YIBU_TLS_EPASSWORD);
    assert_true(yibu_tls_context_error_text(context)[0] != '\0');
    yibu_tls_context_set_password_callback(context, password, right);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, cert, key), 0);
    assert_string_equal(yibu_tls_context_error_text(context), "");
    yibu_tls_context_free(context);
}

static void files_that_cannot_be_used_are_told_by_their_cause(void **state)
{
    (void)state;
    yibu_tls_context *context = new_context(YIBU_TLS_SERVER);
    const char *cert = made("server.pem"), *key = made("server.key");
    const char *missing = made("missing.pem"), *other = made("second.key");
    assert_int_equal(yibu_tls_context_load_cert_chain(context, missing, key), -ENOENT);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, cert, missing), -ENOENT);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, cert, other), YIBU_TLS_EKEY);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, key, key), YIBU_TLS_EFILE);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, cert, NULL), YIBU_TLS_EFILE);
    assert_int_equal(yibu_tls_context_load_verify_locations(context, key, NULL), YIBU_TLS_EFILE);
    assert_int_equal(yibu_tls_context_load_verify_locations(context, missing, NULL), -ENOENT);
    assert_int_equal(yibu_tls_context_load_verify_pem(context, "rubbish", 7), YIBU_TLS_EFILE);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, NULL, key), -EINVAL);
    assert_int_equal(yibu_tls_context_load_cert_chain(NULL, cert, key), -EINVAL);
    yibu_tls_context_free(context);
    yibu_tls_context_free(NULL);
}

static size_t read_file(const char *path, char *ret_bytes, size_t size)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(ret_bytes, 1, size, file);
    fclose(file);
    return n;
}

LOOP_TEST(what_files_hold_may_come_from_memory)
{
    world w;
    begin_world(&w, "second");
    char cert[4096], key[4096], ca[4096];
    size_t cert_size = read_file(made("server.pem"), cert, sizeof(cert));
    size_t key_size = read_file(made("server.key"), key, sizeof(key));
    size_t ca_size = read_file(made("ca.pem"), ca, sizeof(ca));
    assert_int_equal(yibu_tls_context_load_cert_chain_pem(w.server, cert, cert_size, key, key_size),
                     0);
    yibu_tls_context_free(w.client);
    w.client = new_context(YIBU_TLS_CLIENT);
    assert_int_equal(yibu_tls_context_load_verify_pem(w.client, ca, ca_size), 0);
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

LOOP_TEST(issuers_may_be_in_a_folder)
{
    world w;
    char command[1024];
    begin_world(&w, "server");
    (void)snprintf(command, sizeof(command),
                   "mkdir -p %s/folder && cp %s/ca.pem %s/folder && openssl rehash %s/folder",
                   certificates, certificates, certificates, certificates);
    assert_int_equal(system(command), 0); /* NOLINT: a command of the test's own */
    yibu_tls_context_free(w.client);
    w.client = new_context(YIBU_TLS_CLIENT);
    assert_int_equal(yibu_tls_context_load_verify_locations(w.client, NULL, made("folder")), 0);
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

LOOP_TEST(keys_of_two_kinds_serve_side_by_side)
{
    world w;
    begin_world(&w, "server");
    load_pair(w.server, "rsa");
    assert_int_equal(yibu_tls_context_set_versions(w.client, YIBU_TLS_1_2, YIBU_TLS_1_2), 0);
    serve_world(&w, echo);
    static const char *const ciphers[] = {"ECDHE-RSA-AES128-GCM-SHA256",
                                          "ECDHE-ECDSA-AES128-GCM-SHA256"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(yibu_tls_context_set_ciphers(w.client, ciphers[i]), 0);
        yibu_stream *stream;
        yibu_tls_info info = {.size = sizeof(info)};
        assert_int_equal(connect_world(&w, &stream), 0);
        assert_int_equal(yibu_tls_get_info(stream, &info), 0);
        assert_string_equal(info.cipher, ciphers[i]);
        assert_string_equal(info.version, "TLSv1.2");
        assert_int_equal(info.cipher_bits, 128);
        close_stream(stream);
    }
    end_world(&w);
    return 0;
}

LOOP_TEST(versions_ciphers_and_groups_without_a_common_one_fail)
{
    world w;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_versions(w.server, YIBU_TLS_1_3, YIBU_TLS_1_3), 0);
    assert_int_equal(yibu_tls_context_set_ciphersuites(w.server, "TLS_AES_128_GCM_SHA256"), 0);
    assert_int_equal(yibu_tls_context_set_groups(w.server, "X25519"), 0);
    serve_world(&w, echo);
    assert_int_equal(yibu_tls_context_set_versions(w.client, YIBU_TLS_1_2, YIBU_TLS_1_2), 0);
    assert_int_equal(try_world(&w), YIBU_TLS_EVERSION);
    assert_int_equal(w.server_failure, YIBU_TLS_EVERSION);
    assert_int_equal(yibu_tls_context_set_versions(w.client, YIBU_TLS_1_2, YIBU_TLS_1_3), 0);
    assert_int_equal(yibu_tls_context_set_ciphersuites(w.client, "TLS_AES_256_GCM_SHA384"), 0);
    assert_int_equal(try_world(&w), YIBU_TLS_ECIPHER);
    assert_int_equal(w.server_failure, YIBU_TLS_ECIPHER);
    assert_int_equal(yibu_tls_context_set_ciphersuites(w.client, "TLS_AES_128_GCM_SHA256"), 0);
    assert_int_equal(yibu_tls_context_set_groups(w.client, "P-256"), 0);
    assert_int_equal(try_world(&w), YIBU_TLS_ECIPHER);
    assert_int_equal(yibu_tls_context_set_groups(w.client, "P-256:X25519"), 0);
    assert_int_equal(try_world(&w), 0);
    assert_int_equal(yibu_tls_context_set_ciphers(w.client, "no such cipher"), -EINVAL);
    assert_int_equal(yibu_tls_context_set_groups(w.client, "no such group"), -EINVAL);
    assert_int_equal(yibu_tls_context_set_versions(w.client, YIBU_TLS_1_3, YIBU_TLS_1_2), -EINVAL);
    end_world(&w);
    return 0;
}

LOOP_TEST(secrets_are_logged_where_that_is_asked_for)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    char text[8192];
    assert_int_equal(yibu_tls_context_set_keylog_file(w.client, made("no/such/log")), -ENOENT);
    assert_int_equal(yibu_tls_context_set_keylog_file(w.client, made("keys.log")), 0);
    assert_int_equal(try_world(&w), 0);
    assert_int_equal(yibu_tls_context_set_keylog_file(w.client, NULL), 0);
    assert_int_equal(try_world(&w), 0);
    struct stat about;
    assert_int_equal(stat(made("keys.log"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    size_t n = read_file(made("keys.log"), text, sizeof(text) - 1);
    text[n] = '\0';
    char *first = strstr(text, "CLIENT_TRAFFIC_SECRET_0 ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "CLIENT_TRAFFIC_SECRET_0 "));
    end_world(&w);
    return 0;
}

static void every_code_has_a_sentence(void **state)
{
    (void)state;
    for (int code = YIBU_TLS_EPROTOCOL; code >= YIBU_TLS_EPASSWORD; code--) {
        assert_true(yibu_failed(code));
        assert_string_not_equal(yibu_tls_strerror(code), yibu_strerror(code));
    }
    assert_string_equal(yibu_tls_strerror(YIBU_TLS_EEXPIRED), "The certificate has expired");
    assert_string_equal(yibu_tls_strerror(YIBU_TLS_EPASSWORD),
                        "The key is encrypted, and the password missing or wrong");
    assert_string_equal(yibu_tls_strerror(-ECANCELED), yibu_strerror(-ECANCELED));
}

LOOP_TEST(wrong_sides_and_arguments_are_refused)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_server *server;
    yibu_stream *stream;
    assert_int_equal(yibu_tls_start_server(echo, NULL, "127.0.0.1", 0, w.client, NULL, &server),
                     -EINVAL);
    assert_int_equal(yibu_tls_start_server(NULL, NULL, "127.0.0.1", 0, w.server, NULL, &server),
                     -EINVAL);
    assert_int_equal(yibu_tls_open_connection("127.0.0.1", 1, w.server, NULL, &stream), -EINVAL);
    assert_int_equal(yibu_tls_open_connection("127.0.0.1", 1, w.client, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_tls_context_set_verify_flags(w.client, 1u << 9), -EINVAL);
    assert_int_equal(yibu_tls_context_set_check_hostname(w.server, true), -EINVAL);
    assert_int_equal(yibu_tls_context_set_num_tickets(w.client, 1), -EINVAL);
    assert_int_equal(yibu_tls_context_new((yibu_tls_side)7, &w.client), -EINVAL);
    assert_int_equal(yibu_stream_start_tls(NULL, w.client, NULL), -EINVAL);
    end_world(&w);
    return 0;
}

static void count_frees(void *arg)
{
    ++*(int *)arg;
}

LOOP_TEST(a_server_frees_its_handlers_argument_once)
{
    world w;
    int frees = 0;
    begin_world(&w, "server");
    w.server_options.server =
        (yibu_server_options){.size = sizeof(w.server_options.server), .free_arg = count_frees};
    assert_int_equal(yibu_tls_start_server(echo, &frees, "127.0.0.1", 0, w.server,
                                           &w.server_options, &w.listener),
                     0);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    talk(stream);
    yibu_server *listener = w.listener;
    yibu_server_free(listener);
    assert_int_equal(frees, 0); /* the connection goes on */
    talk(stream);
    close_stream(stream);
    while (frees == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(frees, 1);
    yibu_tls_context_free(w.server);
    yibu_tls_context_free(w.client);
    return 0;
}

/* One context, and two threads with a loop of their own each. */

typedef struct shared {
    yibu_tls_context *server, *client;
} shared;

static intptr_t visit_oneself(void *arg)
{
    const shared *s = arg;
    world w = {.server = s->server,
               .client = s->client,
               .options = {.size = sizeof(w.options), .server_name = "localhost"}};
    yibu_server *listener;
    int r = yibu_tls_start_server(echo, NULL, "127.0.0.1", 0, s->server, NULL, &listener);
    w.listener = listener;
    for (int i = 0; r == 0 && i < 30; i++)
        r = try_world(&w);
    yibu_server_free(listener);
    return r;
}

static void *run_thread(void *arg)
{
    return (void *)yibu_run(visit_oneself, arg, NULL);
}

static void a_context_serves_several_threads(void **state)
{
    (void)state;
    shared s = {server_context("server"), client_context()};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &s), 0);
    for (int i = 0; i < 2; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    yibu_tls_context_free(s.server);
    yibu_tls_context_free(s.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_is_encrypted_asks_for_its_password),
        cmocka_unit_test(files_that_cannot_be_used_are_told_by_their_cause),
        cmocka_unit_test(what_files_hold_may_come_from_memory),
        cmocka_unit_test(issuers_may_be_in_a_folder),
        cmocka_unit_test(keys_of_two_kinds_serve_side_by_side),
        cmocka_unit_test(versions_ciphers_and_groups_without_a_common_one_fail),
        cmocka_unit_test(secrets_are_logged_where_that_is_asked_for),
        cmocka_unit_test(every_code_has_a_sentence),
        cmocka_unit_test(wrong_sides_and_arguments_are_refused),
        cmocka_unit_test(a_server_frees_its_handlers_argument_once),
        cmocka_unit_test(a_context_serves_several_threads),
    };
    return run_tls_tests(tests);
}
