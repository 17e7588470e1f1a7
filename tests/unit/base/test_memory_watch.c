/* Allocations that are made to fail: on one thread, for as long as it likes. */
#include <pthread.h>

#include "base/memory.h"
#include "test.h"

typedef struct watch {
    int asked;
    bool answer;
} watch;

static bool ask(void *arg)
{
    watch *w = arg;
    w->asked++;
    return w->answer;
}

static void every_kind_of_allocation_fails(void **state)
{
    (void)state;
    watch w = {.answer = true};
    char *memory = yb_malloc(1);
    assert_non_null(memory);
    yb_memory_watch(ask, &w);
    assert_null(yb_malloc(1));
    assert_null(yb_calloc(1, 1));
    assert_null(yb_realloc(memory, 2));
    assert_null(yb_strdup("text"));
    yb_memory_watch(NULL, NULL);
    assert_int_equal(w.asked, 4);
    yb_free(memory);
}

static void an_allocation_goes_on_where_the_answer_is_no(void **state)
{
    (void)state;
    watch w = {.answer = false};
    yb_memory_watch(ask, &w);
    char *memory = yb_malloc(1);
    yb_memory_watch(NULL, NULL);
    assert_non_null(memory);
    assert_int_equal(w.asked, 1);
    yb_free(memory);
}

static void nobody_is_asked_after_the_end(void **state)
{
    (void)state;
    watch w = {.answer = true};
    yb_memory_watch(ask, &w);
    yb_memory_watch(NULL, NULL);
    char *memory = yb_malloc(1);
    assert_non_null(memory);
    assert_int_equal(w.asked, 0);
    yb_free(memory);
}

static void *allocate(void *arg)
{
    char *memory = yb_malloc(1);
    *(bool *)arg = memory != NULL;
    yb_free(memory);
    return NULL;
}

static void other_threads_are_left_alone(void **state)
{
    (void)state;
    watch w = {.answer = true};
    bool allocated = false;
    pthread_t thread;
    yb_memory_watch(ask, &w);
    int e = pthread_create(&thread, NULL, allocate, &allocated);
    if (e == 0)
        (void)pthread_join(thread, NULL);
    yb_memory_watch(NULL, NULL);
    assert_int_equal(e, 0);
    assert_true(allocated);
    assert_int_equal(w.asked, 0);
}

static void *watch_and_allocate(void *arg)
{
    watch w = {.answer = true};
    for (int i = 0; i < 1000; i++) {
        yb_memory_watch(ask, &w);
        if (yb_malloc(1))
            return NULL;
        yb_memory_watch(NULL, NULL);
        yb_free(yb_malloc(1));
    }
    *(bool *)arg = w.asked == 1000;
    return NULL;
}

static void threads_watch_apart(void **state)
{
    (void)state;
    bool right[2] = {false, false};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch_and_allocate, &right[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(right[0] && right[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_allocation_fails),
        cmocka_unit_test(an_allocation_goes_on_where_the_answer_is_no),
        cmocka_unit_test(nobody_is_asked_after_the_end),
        cmocka_unit_test(other_threads_are_left_alone),
        cmocka_unit_test(threads_watch_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
