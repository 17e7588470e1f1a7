/* The modes of terminals, and who gives them back.
 *
 * A slot is a terminal that was changed and how it was before.  Slots are changed under a lock, and
 * read by the handlers of fatal signals without it: `taken` is stored last and cleared first
 * (release; the handler's load acquires), so a slot that is taken is whole.  It has a descriptor of
 * its own, since the caller's may be closed by then. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <yibu/tty.h>

#include "loop/signal.h"

enum { TERMINALS = 8 };

typedef struct slot {
    atomic_bool taken;
    int fd;
    struct stat about;
    struct termios before;
} slot;

static slot slots[TERMINALS];
static unsigned taken_count;
static pid_t owner; /* a forked child that ends leaves the terminal to its parent */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Signals. */

static const int fatal[] = {SIGHUP,  SIGINT, SIGQUIT, SIGTERM, SIGABRT,
                            SIGSEGV, SIGBUS, SIGFPE,  SIGILL};
enum { FATAL = sizeof(fatal) / sizeof(fatal[0]) };

static bool handled[FATAL];
static struct sigaction previous[FATAL];

/* Also in a signal handler. */
static int set_mode(int fd, const struct termios *mode)
{
    int r;
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU); /* in the background, a change would stop the program */
    (void)pthread_sigmask(SIG_BLOCK, &stop, &before);
    do
        r = tcsetattr(fd, TCSANOW, mode);
    while (r < 0 && errno == EINTR);
    int error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r < 0 ? -error : 0;
}

static void restore_all(void)
{
    if (getpid() != owner)
        return;
    for (int i = 0; i < TERMINALS; i++)
        if (atomic_load_explicit(&slots[i].taken, memory_order_acquire))
            (void)set_mode(slots[i].fd, &slots[i].before);
}

static void dying(int number, siginfo_t *info, void *machine);

static void put_back(int i)
{
    struct sigaction now;
    if (sigaction(fatal[i], NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
        now.sa_sigaction == dying)
        (void)sigaction(fatal[i], &previous[i], NULL);
}

/* The action becomes what it was.  A fault happens again when this returns, and whoever reports
 * faults does so then; another signal is raised again. */
static void dying(int number, siginfo_t *info, void *machine)
{
    (void)machine;
    restore_all();
    for (int i = 0; i < FATAL; i++)
        if (fatal[i] == number)
            (void)sigaction(number, &previous[i], NULL);
    if (info->si_code <= 0 ||
        (number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGILL))
        (void)raise(number);
}

/* Whoever has a handler for faults only reports them (Yibu itself: overflows); for other signals it
 * may well go on. */
static bool kills(int number, const struct sigaction *action)
{
    return number == SIGSEGV || number == SIGBUS ||
           (!(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL);
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_sigaction = dying, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (int i = 0; i < FATAL; i++) {
        handled[i] = sigaction(fatal[i], NULL, &previous[i]) == 0 && kills(fatal[i], &previous[i]);
        if (handled[i])
            (void)sigaction(fatal[i], &action, NULL);
    }
}

static void unhandle_signals(void)
{
    for (int i = 0; i < FATAL; i++)
        if (handled[i])
            put_back(i);
}

/* Slots. */

static bool same_terminal(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_rdev == b->st_rdev;
}

static slot *find(const struct stat *about)
{
    for (int i = 0; i < TERMINALS; i++)
        if (slots[i].taken && same_terminal(&slots[i].about, about))
            return &slots[i];
    return NULL;
}

static slot *find_free(void)
{
    for (int i = 0; i < TERMINALS; i++)
        if (!slots[i].taken)
            return &slots[i];
    return NULL;
}

static void register_exit(void)
{
    (void)atexit(restore_all);
    atomic_store(&yb_signal_farewell, restore_all);
}

/* The terminal's slot, made where there is none. */
static int take(int fd, const struct stat *about, const struct termios *before, slot **ret_slot)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if ((*ret_slot = find(about)))
        return 0;
    slot *s = find_free();
    int own = s ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (own < 0)
        return s ? -errno : -EMFILE;
    pthread_once(&once, register_exit);
    owner = getpid();
    s->fd = own;
    s->about = *about;
    s->before = *before;
    if (taken_count++ == 0)
        handle_signals();
    atomic_store_explicit(&s->taken, true, memory_order_release);
    *ret_slot = s;
    return 0;
}

static void give_back(slot *s)
{
    atomic_store_explicit(&s->taken, false, memory_order_release);
    if (--taken_count == 0)
        unhandle_signals();
    close(s->fd);
}

/* Modes. */

static void make_raw(struct termios *mode)
{
    cfmakeraw(mode);
}

static void make_cbreak(struct termios *mode)
{
    mode->c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    mode->c_cc[VMIN] = 1;
    mode->c_cc[VTIME] = 0;
}

/* From the mode before the first change, so that the two do not mix. */
static int change(int fd, void (*make)(struct termios *mode))
{
    struct stat about;
    struct termios now;
    slot *s;
    if (tcgetattr(fd, &now) < 0 || fstat(fd, &about) < 0)
        return -errno;
    pthread_mutex_lock(&lock);
    int r = take(fd, &about, &now, &s);
    if (r == 0) {
        struct termios mode = s->before;
        make(&mode);
        r = set_mode(fd, &mode);
        if (r < 0)
            give_back(s);
    }
    pthread_mutex_unlock(&lock);
    return r;
}

int yibu_tty_set_raw(int fd)
{
    return change(fd, make_raw);
}

int yibu_tty_set_cbreak(int fd)
{
    return change(fd, make_cbreak);
}

int yibu_tty_restore(int fd)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return -errno;
    pthread_mutex_lock(&lock);
    slot *s = find(&about);
    int r = s ? set_mode(fd, &s->before) : 0;
    if (s)
        give_back(s);
    pthread_mutex_unlock(&lock);
    return r;
}

/* Size. */

int yibu_tty_get_size(int fd, unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size;
    if (!ret_rows || !ret_columns)
        return -EINVAL;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return -errno;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
    return 0;
}

int yibu_tty_set_size(int fd, unsigned rows, unsigned columns)
{
    const struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (rows > UINT16_MAX || columns > UINT16_MAX)
        return -EINVAL;
    return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
