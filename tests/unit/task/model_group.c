/* Trees of groups beside a plain model, in the simulator.
 *
 * Every task does random things: it sleeps, in a shield or not, fails, adds siblings, cancels its
 * group, and has groups of its own, with a limit on how many run or without, some of whose children
 * say when they are ready.  The simulator cancels tasks at any step.  The model knows, of every
 * group, which failure was the first, how many there were, and that nobody is left when it has
 * ended.  Without a failure, a group that ends with a cancel must have been cancelled from outside,
 * and that cancel must still be there. */
#include <errno.h>

#include "sim.h"

enum { DEPTH = 3, TASKS = 60 };

typedef struct crowd {
    struct world *world;
    yibu_group group;
    int depth;
    size_t spawned, over, inside, max_inside, failures;
    intptr_t first; /* failure */
    bool dismissed;
} crowd;

typedef struct member {
    crowd *crowd;
    bool starting; /* somebody waits until it is ready */
} member;

typedef struct world {
    size_t tasks;
    bool scarce; /* memory is: then the first failure may be one that the model does not see */
} world;

static size_t pick(size_t bound)
{
    return (size_t)yibu_sim_random(bound);
}

static uint64_t seeds(void)
{
    const char *text = getenv("YIBU_MODEL_SEEDS");
    return text ? strtoull(text, NULL, 10) : YB_TEST_SLOWDOWN > 1 ? 200 : 10000;
}

static void note(crowd *c, intptr_t failure)
{
    if (c->failures++ == 0)
        c->first = failure;
}

static bool is_failure(intptr_t result)
{
    return yibu_failed(result) && result != -ECANCELED;
}

static void discard(void *arg)
{
    member *m = arg;
    m->crowd->over++;
    free(m);
}

static intptr_t live(void *arg);

static member *new_member(crowd *c, bool starting)
{
    member *m = malloc(sizeof(*m));
    assert_non_null(m);
    *m = (member){c, starting};
    return m;
}

static void add(crowd *c)
{
    member *m = new_member(c, false);
    int r = yibu_group_spawn(&c->group, live, m);
    if (r == 0) {
        c->world->tasks++;
        c->spawned++;
        return;
    }
    free(m);
    if (r == -ENOMEM)
        note(c, r);
    else
        assert_int_equal(r, YIBU_ESHUTDOWN);
}

/* Starts one and waits until it is ready; not in line, behind the starter itself.  Returns 0 or the
 * starter's own cancel. */
static intptr_t start(crowd *c)
{
    intptr_t value = 0;
    if (c->world->scarce || c->max_inside < TASKS || yibu_check_cancelled() < 0)
        return 0;
    member *m = new_member(c, true);
    c->world->tasks++;
    c->spawned++;
    int r = yibu_group_start(&c->group, live, m, &value);
    if (r == 0)
        assert_int_equal(value, 77);
    if (r == YIBU_ESHUTDOWN) {
        free(m);
        c->spawned--;
    }
    if (r == -ECANCELED)
        assert_int_equal(yibu_check_cancelled(), -ECANCELED);
    return r == -ECANCELED ? r : 0;
}

static intptr_t sleep_in_a_shield(void)
{
    yibu_timeout shield;
    intptr_t r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        assert_int_equal(yibu_sleep((int64_t)pick(3000)), 0);
    yibu_shield_end(&shield);
    return r;
}

static intptr_t have_a_group(world *w, int depth);

/* One random thing in the body of a group or in a child of it. */
static intptr_t act(crowd *c)
{
    switch (pick(8)) {
    case 0:
        return sleep_in_a_shield();
    case 1:
        if (c->world->tasks < TASKS)
            add(c);
        return 0;
    case 2:
        return c->world->tasks < TASKS ? start(c) : 0;
    case 3:
        if (pick(4))
            return 0;
        c->dismissed |= !yibu_group_cancelled(&c->group);
        assert_true(yibu_group_cancel(&c->group));
        return 0;
    case 4:
        return pick(4) ? 0 : -(intptr_t)(1 + pick(100));
    case 5:
        return c->depth < DEPTH && c->world->tasks < TASKS ? have_a_group(c->world, c->depth + 1)
                                                           : 0;
    default:
        return yibu_sleep((int64_t)pick(3000));
    }
}

static intptr_t act_for_a_while(crowd *c)
{
    intptr_t r = 0;
    for (size_t left = pick(5); left > 0 && r == 0; left--)
        r = act(c);
    return r;
}

static intptr_t get_ready(const member *m)
{
    intptr_t r = yibu_sleep((int64_t)pick(2000));
    if (r == 0 && pick(5) == 0)
        return pick(2) ? -EPERM : 1; /* never is */
    return r == 0 && m->starting ? yibu_group_started(77) : r;
}

static intptr_t live(void *arg)
{
    member *m = arg;
    crowd *c = m->crowd;
    assert_true(++c->inside <= c->max_inside);
    intptr_t r = m->starting ? get_ready(m) : 0;
    bool ready = r == 0;
    if (ready)
        r = act_for_a_while(c);
    if (is_failure(r) && (ready || !m->starting))
        note(c, r);
    c->inside--;
    c->over++;
    free(m);
    return r;
}

/* What a group must come to that has ended with result, its body having returned body. */
static void check_end(crowd *c, intptr_t body, intptr_t result)
{
    assert_int_equal(c->inside, 0);
    assert_int_equal(c->over, c->spawned);
    if (c->world->scarce) {
        assert_true(yibu_group_failures(&c->group) >= c->failures);
    } else {
        assert_int_equal(yibu_group_failures(&c->group), c->failures);
        if (c->failures > 0)
            assert_int_equal(result, c->first);
    }
    if (yibu_group_failures(&c->group) > 0) {
        assert_true(is_failure(result));
        return;
    }
    if (result == -ECANCELED)
        assert_int_equal(yibu_check_cancelled(), -ECANCELED);
    else
        assert_int_equal(result, body == -ECANCELED ? 0 : body);
    if (body == -ECANCELED && result == 0)
        assert_true(c->dismissed && yibu_check_cancelled() == 0);
}

static intptr_t have_a_group(world *w, int depth)
{
    crowd c = {.world = w, .group = YIBU_GROUP_INIT, .depth = depth, .max_inside = TASKS};
    yibu_group_options options = {.size = sizeof(options), .discard = discard};
    if (pick(2))
        c.max_inside = options.max_running = 1 + pick(3);
    int begun = yibu_group_begin(&c.group, &options);
    if (begun < 0)
        return begun;
    for (size_t left = pick(5); left > 0; left--)
        add(&c);
    intptr_t body = act_for_a_while(&c);
    if (is_failure(body))
        note(&c, body);
    intptr_t result = yibu_group_end(&c.group, body);
    check_end(&c, body, result);
    return result;
}

static void ignore(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)code;
    (void)arg;
}

SIM_TEST_WITH(groups_agree_with_the_model, seeds(), .cancel = 0.005, .step_ns = 500,
              .exception_handler = ignore)
{
    world w = {.scarce = false};
    (void)have_a_group(&w, 0);
    return 0;
}

SIM_TEST_WITH(groups_agree_with_the_model_where_memory_is_scarce, seeds(), .cancel = 0.002,
              .step_ns = 500, .allocation_failure = 0.02, .exception_handler = ignore)
{
    world w = {.scarce = true};
    (void)have_a_group(&w, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_agree_with_the_model),
        cmocka_unit_test(groups_agree_with_the_model_where_memory_is_scarce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
