/* The command line of `yibu sim`. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEFAULT_SEEDS = 1000, DEFAULT_TIMEOUT_S = 60, DEFAULT_SHRINK_RUNS = 3000, MAX_JOBS = 1024 };

static const char usage[] =
    "usage: yibu sim [options] PROGRAM [ARGUMENTS]\n"
    "\n"
    "Runs a program that calls yibu_sim_run, once a seed, until a run fails: exits with a status\n"
    "other than 0, or dies of a signal.  Shrinks that run, and prints its trace and the command\n"
    "that replays it.\n"
    "\n"
    "  -n, --seeds N        explore N seeds (default 1000)\n"
    "  -b, --start S        from seed S on (default 1)\n"
    "  -j, --jobs J         run J programs at once (default: the processors)\n"
    "  -s, --seed S         run seed S alone and print its trace; the status is the program's\n"
    "  -c, --choices LIST   the choices of that run, \"INDEX:VALUE,...\" or \"@FILE\"\n"
    "  -t, --timeout SEC    a run that takes longer, in real time, fails (default 60)\n"
    "  -r, --shrink-runs N  shrink with N runs at most (default 3000; 0: do not)\n"
    "  -o, --show-output    show what the program prints while seeds are explored\n"
    "  -h, --help           print this\n"
    "\n"
    "The status is 0 where no seed failed, 1 where one did, 2 where the command is wrong.\n";

static bool complain(const char *what, const char *text)
{
    fprintf(stderr, "yibu sim: %s: %s\n", what, text);
    fputs("try `yibu sim --help`\n", stderr);
    return false;
}

static bool read_number(const char *what, const char *text, uint64_t min, uint64_t max,
                        uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number < min || number > max)
        return complain(what, text);
    *ret_number = number;
    return true;
}

static bool read_unsigned(const char *what, const char *text, unsigned min, unsigned max,
                          unsigned *ret_number)
{
    uint64_t number;
    if (!read_number(what, text, min, max, &number))
        return false;
    *ret_number = (unsigned)number;
    return true;
}

static const struct option long_options[] = {{"seeds", required_argument, NULL, 'n'},
                                             {"start", required_argument, NULL, 'b'},
                                             {"jobs", required_argument, NULL, 'j'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"choices", required_argument, NULL, 'c'},
                                             {"timeout", required_argument, NULL, 't'},
                                             {"shrink-runs", required_argument, NULL, 'r'},
                                             {"show-output", no_argument, NULL, 'o'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static bool take(int option, sim_options *o)
{
    switch (option) {
    case 'n':
        return read_number("not a number of seeds", optarg, 1, UINT64_MAX, &o->count);
    case 'b':
        return read_number("not a seed", optarg, 0, UINT64_MAX, &o->start);
    case 'j':
        return read_unsigned("not a number of jobs", optarg, 1, MAX_JOBS, &o->jobs);
    case 's':
        o->replay = true;
        return read_number("not a seed", optarg, 0, UINT64_MAX, &o->start);
    case 'c':
        o->choices = optarg;
        return true;
    case 't':
        return read_unsigned("not a number of seconds", optarg, 1, 1000000, &o->timeout_s);
    case 'r':
        return read_unsigned("not a number of runs", optarg, 0, 1000000000, &o->shrink_runs);
    case 'o':
        return o->show_output = true;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        fputs("try `yibu sim --help`\n", stderr);
        return false;
    }
}

static unsigned processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MAX_JOBS ? MAX_JOBS : (unsigned)count;
}

bool sim_options_read(int argc, char **argv, sim_options *ret_options)
{
    sim_options o = {.start = 1,
                     .count = DEFAULT_SEEDS,
                     .jobs = processors(),
                     .timeout_s = DEFAULT_TIMEOUT_S,
                     .shrink_runs = DEFAULT_SHRINK_RUNS};
    for (int option;
         (option = getopt_long(argc, argv, "+n:b:j:s:c:t:r:oh", long_options, NULL)) != -1;)
        if (!take(option, &o))
            return false;
    if (optind == argc)
        return complain("there is no program to run", "name one behind the options");
    if (o.choices && !o.choices[0])
        return complain("there are no choices", "0:0 are those of a plain run");
    if (o.choices && !o.replay)
        return complain("--choices belong to one run", "name its --seed");
    o.command = argv + optind;
    *ret_options = o;
    return true;
}
