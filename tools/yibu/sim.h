/* The subcommand `yibu sim`. */
#ifndef SIM_H
#define SIM_H

/* argv[0] is "sim".  Returns the program's status. */
int sim_main(int argc, char **argv);

#endif
