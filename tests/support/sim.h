/* Tests in the simulator: a body that is run with many seeds.
 *
 *     SIM_TEST(lock_is_exclusive, 10000)
 *     {
 *         …;              // in the main task of a simulated loop; arg is cmocka's state
 *         return 0;       // anything else fails the test
 *     }
 *     … cmocka_unit_test(lock_is_exclusive) …
 *
 * What the body draws comes from the seed: yibu_sim_random(n), yibu_sim_chance(p).  It must leave
 * nothing behind in statics.  Where it fails, also by an assertion or a signal, standard error says
 * the seed; YIBU_SIM_SEED=seed runs that one alone, YIBU_SIM_TRACE=- shows what happens, and
 * `yibu sim --seed seed PROGRAM` shrinks it.
 *
 * Where an instrument slows programs down, large numbers of seeds are smaller by as much.
 *
 * SIM_TEST_WITH takes the options of yibu_sim_run, but for size and report. */
#ifndef SIM_H
#define SIM_H

#include <signal.h>
#include <unistd.h>

#include "test.h"

static const char *sim_test_name;
static uint64_t sim_test_seed;

/* snprintf is no call for a signal handler, but all that is left to lose is a message. */
static inline void sim_test_say(const char *what)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%s: %s with seed %llu: run with YIBU_SIM_SEED=%llu\n",
                     sim_test_name, what, (unsigned long long)sim_test_seed,
                     (unsigned long long)sim_test_seed);
    (void)!write(STDERR_FILENO, line, (size_t)n);
}

static inline void sim_test_aborted(int number)
{
    (void)number;
    sim_test_say("aborted");
}

static inline intptr_t sim_test_seed_once(yibu_coroutine *body, void **state,
                                          const yibu_sim_options *options)
{
    yibu_sim_options taken = {0};
    if (options)
        taken = *options;
    taken.size = sizeof(taken);
    return yibu_sim_run(sim_test_seed, body, state, &taken);
}

static inline void sim_test_run(const char *name, uint64_t seeds, yibu_coroutine *body,
                                void **state, const yibu_sim_options *options)
{
    struct sigaction action = {.sa_handler = sim_test_aborted, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    sigaction(SIGABRT, &action, &before);
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    const char *only = getenv("YIBU_SIM_SEED");
    sim_test_name = name;
    sim_test_seed = only && only[0] ? strtoull(only, NULL, 10) : 1;
    uint64_t tried = seeds < 1000 ? seeds : seeds / YB_TEST_SLOWDOWN;
    uint64_t end = only && only[0] ? sim_test_seed + 1 : tried + 1;
    intptr_t result = 0;
    for (; sim_test_seed < end && result == 0; sim_test_seed++)
        result = sim_test_seed_once(body, state, options);
    unsetenv("CMOCKA_TEST_ABORT");
    sigaction(SIGABRT, &before, NULL);
    if (result == 0)
        return;
    sim_test_seed--;
    sim_test_say(yibu_failed(result) ? yibu_error_name(result) : "returned another result than 0");
    fail_msg("seed %llu returned %ld", (unsigned long long)sim_test_seed, (long)result);
}

#define SIM_TEST(NAME, SEEDS) SIM_TEST_WITH(NAME, SEEDS, 0)

/* SIM_TEST_WITH(name, 1000, .cancel = 0.01, .latency_ns = YIBU_MS(1)) { … } */
#define SIM_TEST_WITH(NAME, SEEDS, ...)                             \
    static intptr_t NAME##_body(void *arg);                         \
    static void NAME(void **state)                                  \
    {                                                               \
        const yibu_sim_options options = {__VA_ARGS__};             \
        sim_test_run(#NAME, (SEEDS), NAME##_body, state, &options); \
    }                                                               \
    static intptr_t NAME##_body(__attribute__((unused)) void *arg)

#endif
