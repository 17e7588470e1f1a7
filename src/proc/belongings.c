/* Nothing of this is put back: a worker that lacks something, or has something that is in the way
 * of the next job, ends, and its parent makes another. */
#define _GNU_SOURCE
#include "proc/belongings.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "proc/redirect.h"

enum { NEEDED = YB_REDIRECT_TEXTS << 1 | 1 };

static int bell = -1;

static struct {
    unsigned descriptors; /* a bit each */
    bool children;
} noted;

static unsigned descriptors(void)
{
    return yb_redirect_present() << 1 | (fcntl(bell, F_GETFD) >= 0);
}

/* Those that have ended, and nobody has waited for, are children, too. */
static bool has_children(void)
{
    siginfo_t child;
    return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void yb_belongings_open(int doorbell)
{
    bell = doorbell;
}

bool yb_belongings_suffice(void)
{
    return (descriptors() & NEEDED) == NEEDED;
}

void yb_belongings_note(void)
{
    noted.descriptors = descriptors();
    noted.children = has_children();
}

bool yb_belongings_are_there(void)
{
    return (noted.descriptors & ~descriptors()) == 0;
}

bool yb_belongings_have_grown(void)
{
    return !noted.children && has_children();
}
