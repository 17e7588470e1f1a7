/* A LIFO queue against a model of it. */
#include "queue_model.h"

SIM_TEST_WITH(the_lifo_queue_does_as_the_model_does, MODEL_SEEDS, .cancel = 0.02)
{
    return run_queue_model((yibu_queue)YIBU_LIFO_QUEUE_INIT(some_maxsize()), LAST_IN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lifo_queue_does_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
