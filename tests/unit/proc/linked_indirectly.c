/* A program that does not link Yibu itself: libc comes before it in the order of symbols, so a
 * second run would not stop before main.  It must be refused. */
#include <errno.h>

#include "linked_library.h"

int main(void)
{
    return run_a_job_in_library() == -ENOSYS ? 0 : 1;
}
