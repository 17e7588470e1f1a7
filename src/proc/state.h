/* The state of a worker's process that jobs may change and others would find: put back. */
#ifndef YB_PROC_STATE_H
#define YB_PROC_STATE_H

/* Notes how the process is now: as every job is to find it. */
void yb_state_note(void);

/* How it was found to be: different means that it is put back; lost, that it cannot be. */
typedef enum yb_state { YB_STATE_AS_NOTED, YB_STATE_PUT_BACK, YB_STATE_LOST } yb_state;

/* Puts back what is different.  About a hundred system calls, which take 5 to 10 us. */
yb_state yb_state_restore(void);

#endif
