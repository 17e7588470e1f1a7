/* A priority queue against a model of it. */
#include "queue_model.h"

SIM_TEST_WITH(the_priority_queue_does_as_the_model_does, MODEL_SEEDS, .cancel = 0.02)
{
    return run_queue_model((yibu_queue)YIBU_PRIORITY_QUEUE_INIT(some_maxsize(), compare_items),
                           LOWEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_priority_queue_does_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
