/* yibu: the tool.  One subcommand a file. */
#include <stdio.h>
#include <string.h>
#include <yibu/base.h>

#include "sim.h"

typedef struct command {
    const char *name, *purpose;
    int (*main)(int argc, char **argv);
} command;

static const command commands[] = {
    {"sim", "explore what a simulated program does, seed by seed", sim_main},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *to)
{
    fputs("usage: yibu COMMAND [arguments]\n\n", to);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].purpose);
    fputs("\n`yibu COMMAND --help` says more; `yibu --version` prints the version.\n", to);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0) {
        printf("yibu %s\n", yibu_version());
        return 0;
    }
    bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    if (!help)
        fprintf(stderr, "yibu: no such command: %s\n", argv[1]);
    print_usage(help ? stdout : stderr);
    return help ? 0 : 2;
}
