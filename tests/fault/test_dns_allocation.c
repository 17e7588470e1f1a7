/* libyibu-dns with any one allocation failing, its own or c-ares': every call works or says why
 * not, and all memory and descriptors are given back.
 *
 * The linker's --wrap lets the library's calls through here first; c-ares is given functions. */
#include "dns_zone.h"

#include <search.h>

#include <ares.h>

/* Of the thread that tests; the server's is not touched. */
static _Thread_local struct {
    bool counting;
    long calls, fail_at, alive; /* alive: c-ares' blocks */
} plan;

static bool fails(void)
{
    return plan.counting && plan.calls++ == plan.fail_at;
}

#define WRAP(TYPE, CALL, PARAMETERS, ARGUMENTS)          \
    TYPE __real_##CALL PARAMETERS;                       \
    TYPE __wrap_##CALL PARAMETERS;                       \
    TYPE __wrap_##CALL PARAMETERS                        \
    {                                                    \
        return fails() ? NULL : __real_##CALL ARGUMENTS; \
    }

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, reallocarray, (void *memory, size_t count, size_t size), (memory, count, size))
WRAP(char *, strdup, (const char *text), (text))
WRAP(void *, tsearch, (const void *key, void **root, __compar_fn_t compare), (key, root, compare))

static void *ares_allocate(size_t size)
{
    if (fails())
        return NULL;
    plan.alive++;
    return __real_malloc(size);
}

static void ares_release(void *memory)
{
    plan.alive -= memory != NULL;
    free(memory);
}

static void *ares_reallocate(void *memory, size_t size)
{
    if (fails())
        return NULL;
    plan.alive += memory == NULL;
    return realloc(memory, size);
}

/* Without memory for a packet, c-ares tries again, or counts the server as silent. */
static void expect(int result)
{
    if (result != 0 && result != -ENOMEM && result != YIBU_EAI_AGAIN && result != YIBU_EAI_FAIL)
        fail_msg("it failed with %s", yibu_error_name(result));
}

static int find(yibu_dns *dns, const char *host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *list;
    int r = yibu_dns_getaddrinfo(dns, host, "80", &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

static void use(yibu_dns *dns)
{
    yibu_address address;
    char host[NI_MAXHOST];
    expect(query(dns, "one.example", YIBU_DNS_A));
    expect(query(dns, "one.example", YIBU_DNS_A));
    expect(query(dns, "many.example", YIBU_DNS_A));
    expect(find(dns, "both.example"));
    expect(find(dns, "alias"));
    expect(find(dns, "localhost"));
    (void)yibu_address_parse("192.0.2.1", 80, &address);
    expect(yibu_dns_getnameinfo(dns, &address, 0, host, sizeof(host), NULL, 0));
    expect(yibu_dns_reload(dns));
    expect(query(dns, "two.example", YIBU_DNS_A));
}

static void run(long fail_at)
{
    yibu_dns_options options = asking_server();
    options.hosts_path = "/etc/hosts";
    options.search = "first.example"; /* of two c-ares 1.18 loses one, without memory for servers */
    options.cache_entries = 2;
    options.timeout_ns = YIBU_MS(50) * YB_TEST_SLOWDOWN;
    int descriptors = test_count_descriptors();
    yibu_dns *dns;
    plan.calls = 0;
    plan.fail_at = fail_at;
    plan.counting = true;
    int r = yibu_dns_new(&options, &dns);
    if (r == 0) {
        use(dns);
        yibu_dns_free(dns);
    } else {
        assert_int_equal(r, -ENOMEM);
    }
    plan.counting = false;
    assert_int_equal(plan.alive, 0);
    assert_int_equal(test_count_descriptors(), descriptors);
}

LOOP_TEST(any_one_failing_allocation_is_a_clean_error)
{
    assert_int_equal(
        ares_library_init_mem(ARES_LIB_INIT_ALL, ares_allocate, ares_release, ares_reallocate), 0);
    run(-1);
    long calls = plan.calls;
    assert_true(calls > 100);
    for (long n = 0; n < calls; n += YB_TEST_SLOWDOWN)
        run(n);
    ares_library_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(any_one_failing_allocation_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
