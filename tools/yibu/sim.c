/* `yibu sim`: explores, shrinks, and says how to see it again. */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "explore.h"
#include "options.h"
#include "program.h"
#include "shrink.h"

enum { INLINE_CHOICES = 1000 }; /* longer lists go into a file */

/* As a shell reads it. */
static void print_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,=+@%";
    if (word[0] && word[strspn(word, plain)] == '\0') {
        printf(" %s", word);
        return;
    }
    fputs(" '", stdout);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*word);
    putchar('\'');
}

static void print_choices_file(uint64_t seed, const choices *list)
{
    char path[64];
    snprintf(path, sizeof(path), "yibu-sim-%llu.choices", (unsigned long long)seed);
    FILE *file = fopen(path, "we");
    if (!file) {
        perror(path);
        return;
    }
    choices_print(list, '\n', file);
    if (fclose(file) != 0)
        perror(path);
    printf(" --choices @%s", path);
}

static void print_command(const sim_options *o, uint64_t seed, const choices *list)
{
    printf("    yibu sim --seed %llu", (unsigned long long)seed);
    if (list && choices_text_length(list) > INLINE_CHOICES) {
        print_choices_file(seed, list);
    } else if (list) {
        fputs(" --choices ", stdout);
        if (list->length == 0)
            fputs("0:0", stdout); /* all are 0 */
        choices_print(list, ',', stdout);
    }
    for (char *const *word = o->command; *word; word++)
        print_word(*word);
    putchar('\n');
}

static int status_of(const outcome *o)
{
    if (o->hung)
        return 1;
    return WIFSIGNALED(o->status) ? 128 + WTERMSIG(o->status) : WEXITSTATUS(o->status);
}

/* Runs it once more, to be seen. */
static outcome show(program *p, uint64_t seed, const choices *list)
{
    outcome o =
        program_run(p, &(run){.seed = seed, .list = list, .trace = true, .show_output = true});
    fflush(stdout);
    program_print_trace(p);
    return o;
}

static int replay(const sim_options *o)
{
    program p;
    program_open(&p, o);
    outcome out = show(&p, o->start, NULL);
    program_close(&p);
    if (!out.ran)
        fprintf(stderr, "yibu sim: %s began no simulation\n", o->command[0]);
    if (outcome_failed(&out))
        printf("\nseed %llu fails: %s\n", (unsigned long long)o->start, outcome_text(&out));
    return out.ran || outcome_failed(&out) ? status_of(&out) : 2;
}

static void report(program *p, const sim_options *o, uint64_t seed, const outcome *failing)
{
    shrunk s = {.outcome = *failing};
    bool shrinks = o->shrink_runs > 0;
    if (shrinks) {
        s = shrink(p, seed, failing);
        printf("shrunk to %zu choice%s of %zu, with %u runs\n", choices_count(&s.list),
               choices_count(&s.list) == 1 ? "" : "s", s.first_count, s.runs);
    }
    printf("\nthe trace%s:\n\n", shrinks ? ", the shortest found that still fails" : "");
    outcome shown = show(p, seed, shrinks ? &s.list : NULL);
    if (!outcome_same(&shown, failing))
        printf("\nthis time: %s.  The program does not replay: something in it is not simulated\n",
               outcome_text(&shown));
    printf("\nreplay it with\n\n");
    print_command(o, seed, shrinks ? &s.list : NULL);
    choices_free(&s.list);
}

static int find_and_report(const sim_options *o)
{
    uint64_t seed;
    outcome failing;
    if (!explore(o, &seed, &failing)) {
        printf("%llu seeds from %llu on: none fails\n", (unsigned long long)o->count,
               (unsigned long long)o->start);
        return 0;
    }
    printf("seed %llu fails: %s\n", (unsigned long long)seed, outcome_text(&failing));
    program p;
    program_open(&p, o);
    report(&p, o, seed, &failing);
    program_close(&p);
    return 1;
}

int sim_main(int argc, char **argv)
{
    sim_options options;
    if (!sim_options_read(argc, argv, &options))
        return 2;
    return options.replay ? replay(&options) : find_and_report(&options);
}
