/* Finding races: two tellers and an auditor at work on two accounts, in the simulator.
 *
 * Both hazards hide: run first come, first served, the program does what it should.  The simulator
 * runs what is ready in any order, seed after seed, until one order fails:
 *
 *     yibu sim --seeds 1000 ./bank lost-update
 *     yibu sim --seeds 1000 ./bank deadlock
 *
 * usage: bank lost-update|deadlock [SEED] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct account {
    const char *name;
    int balance;
    yibu_lock lock;
} account;

typedef struct bank {
    account savings, current;
} bank;

typedef intptr_t day_at_the_bank(bank *b);

/* A lost update: the balance is read, the journal is written, and what was read may be old. */

static intptr_t deposit(void *arg)
{
    bank *b = arg;
    (void)yibu_sleep(YIBU_MS(1)); /* until a client comes */
    int balance = b->savings.balance;
    yibu_sim_trace("reads %d", balance);
    (void)yibu_sleep(YIBU_MS(1)); /* the journal */
    b->savings.balance = balance + 1;
    yibu_sim_trace("writes %d", balance + 1);
    return 0;
}

static intptr_t deposit_later(void *arg)
{
    (void)yibu_sleep(YIBU_MS(1));
    return deposit(arg);
}

static intptr_t lose_an_update(bank *b)
{
    yibu_task *tellers[] = {yibu_create_task(deposit, b, NULL),
                            yibu_create_task(deposit_later, b, NULL)};
    intptr_t r = yibu_gather(tellers, 2, NULL, 0);
    yibu_task_unref(tellers[0]);
    yibu_task_unref(tellers[1]);
    return r == 0 && b->savings.balance != 2 ? -ESTALE : r;
}

/* A deadlock: two transfers lock the same two accounts, each the one it takes from first. */

static intptr_t transfer(account *from, account *to)
{
    int r;
    YIBU_WITH_LOCK(r, &from->lock)
    {
        yibu_sim_trace("has locked %s", from->name);
        YIBU_WITH_LOCK(r, &to->lock)
        {
            from->balance--;
            to->balance++;
        }
    }
    return r;
}

static intptr_t save(void *arg)
{
    return transfer(&((bank *)arg)->current, &((bank *)arg)->savings);
}

static intptr_t spend(void *arg)
{
    return transfer(&((bank *)arg)->savings, &((bank *)arg)->current);
}

static intptr_t lock_each_other_out(bank *b)
{
    int r;
    yibu_task *tellers[2];
    YIBU_WITH_LOCK(r, &b->savings.lock)
    { /* the auditor, who has a look */
        tellers[0] = yibu_create_task(save, b, NULL);
        tellers[1] = yibu_create_task(spend, b, NULL);
        (void)yibu_task_set_name(tellers[0], "save");
        (void)yibu_task_set_name(tellers[1], "spend");
        (void)yibu_sleep(YIBU_MS(1));
    }
    intptr_t result = yibu_gather(tellers, 2, NULL, 0);
    yibu_task_unref(tellers[0]);
    yibu_task_unref(tellers[1]);
    return result;
}

static intptr_t open_the_bank(void *arg)
{
    bank b = {{"savings", 0, YIBU_LOCK_INIT}, {"current", 0, YIBU_LOCK_INIT}};
    return (*(day_at_the_bank **)arg)(&b);
}

int main(int argc, char **argv)
{
    day_at_the_bank *day =
        argc > 1 && strcmp(argv[1], "deadlock") == 0 ? lock_each_other_out : lose_an_update;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    intptr_t result = yibu_sim_run(seed, open_the_bank, &day, NULL);
    if (yibu_failed(result))
        fprintf(stderr, "bank: %s\n", yibu_strerror(result));
    return yibu_failed(result);
}
