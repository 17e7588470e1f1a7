/* Plans: options turned into what the child needs, in memory and descriptors of the plan's own.
 *
 * The child does system calls and nothing else, so whatever takes more is done here: the merge of
 * the environment, and the list of paths at which the program may be. */
#include "proc/subprocess_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

struct yb_kept {
    struct yb_kept *next;
    max_align_t bytes[];
};

static void *keep(yb_plan *plan, size_t size)
{
    yb_kept *kept = yb_malloc(sizeof(*kept) + size);
    if (!kept)
        return NULL;
    kept->next = plan->kept;
    plan->kept = kept;
    return kept->bytes;
}

static void *keep_copy(yb_plan *plan, const void *bytes, size_t size)
{
    void *copy = keep(plan, size);
    return copy && size > 0 ? memcpy(copy, bytes, size) : copy;
}

static const char *keep_text(yb_plan *plan, const char *text)
{
    return keep_copy(plan, text, strlen(text) + 1);
}

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;
    while (texts && texts[count])
        count++;
    return count;
}

/* Copies of all, with room for some more; NULL at the end. */
static const char **keep_texts(yb_plan *plan, const char *const *texts, size_t more)
{
    size_t count = count_texts(texts);
    const char **copies = keep(plan, (count + more + 1) * sizeof(*copies));
    if (!copies)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!(copies[i] = keep_text(plan, texts[i])))
            return NULL;
    copies[count] = NULL;
    return copies;
}

/* The environment. */

static size_t name_length(const char *setting)
{
    return strcspn(setting, "=");
}

/* Where the variable of that name stands, or the end. */
static size_t find_variable(const char *const *env, const char *setting)
{
    size_t length = name_length(setting), i = 0;
    while (env[i] && (name_length(env[i]) != length || memcmp(env[i], setting, length) != 0))
        i++;
    return i;
}

static const char *value_of(const char *const *env, const char *name)
{
    const char *found = env[find_variable(env, name)];
    return found && found[strlen(name)] == '=' ? found + strlen(name) + 1 : NULL;
}

static void drop_variable(const char **env, const char *name)
{
    size_t at;
    while (env[at = find_variable(env, name)])
        do
            env[at] = env[at + 1];
        while (env[at++]);
}

/* The end of env has room. */
static void change_variable(const char **env, const char *setting)
{
    drop_variable(env, setting);
    if (!strchr(setting, '='))
        return;
    size_t end = count_texts(env);
    env[end] = setting;
    env[end + 1] = NULL;
}

static int make_env(yb_plan *plan, const yibu_subprocess_options *options)
{
    const char *const *base = options->env ? options->env : (const char *const *)(uintptr_t)environ;
    const char **changes = keep_texts(plan, options->env_changes, 0);
    plan->env = keep_texts(plan, base, count_texts(options->env_changes));
    if (!changes || !plan->env)
        return -ENOMEM;
    for (; *changes; changes++)
        change_variable(plan->env, *changes);
    return 0;
}

/* The program. */

static size_t count_colons(const char *list)
{
    size_t count = 0;
    for (; *list; list++)
        count += *list == ':';
    return count;
}

/* "folder/program"; an empty folder is the working directory. */
static const char *join(yb_plan *plan, const char *folder, size_t length, const char *program)
{
    size_t size = strlen(program) + 1;
    char *path = keep(plan, length + 1 + size);
    if (!path)
        return NULL;
    memcpy(path, folder, length);
    path[length] = '/';
    memcpy(path + length + (length > 0), program, size);
    return path;
}

static int search(yb_plan *plan, const char *program)
{
    const char *list = value_of(plan->env, "PATH");
    if (!list)
        list = _PATH_DEFPATH;
    size_t count = count_colons(list) + 1;
    plan->paths = keep(plan, (count + 1) * sizeof(*plan->paths));
    if (!plan->paths)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(list, ":");
        if (!(plan->paths[i] = join(plan, list, length, program)))
            return -ENOMEM;
        list += length + 1;
    }
    plan->paths[count] = NULL;
    return 0;
}

static int find_program(yb_plan *plan, const char *program)
{
    if (!*program)
        return -ENOENT;
    if (!strchr(program, '/'))
        return search(plan, program);
    const char *only[] = {program, NULL};
    plan->paths = keep_texts(plan, only, 0);
    return plan->paths ? 0 : -ENOMEM;
}

/* The rest. */

static int make_user(yb_plan *plan, const yibu_subprocess_user *user)
{
    yibu_subprocess_user *copy = keep_copy(plan, user, sizeof(*user));
    if (!copy)
        return -ENOMEM;
    copy->groups = keep_copy(plan, user->groups, user->group_count * sizeof(*user->groups));
    plan->user = copy;
    return copy->groups ? 0 : -ENOMEM;
}

static int make_limits(yb_plan *plan, const yibu_subprocess_options *options)
{
    plan->limit_count = options->limit_count;
    plan->limits =
        keep_copy(plan, options->limits, options->limit_count * sizeof(*options->limits));
    return plan->limits ? 0 : -ENOMEM;
}

static void make_signals(yb_plan *plan, yibu_subprocess_signals signals)
{
    plan->signals = signals;
    sigemptyset(&plan->blocked);
    if (signals == YIBU_SUBPROCESS_SIGNALS_INHERIT)
        (void)pthread_sigmask(SIG_SETMASK, NULL, &plan->blocked);
}

static bool valid(const yibu_subprocess_options *options)
{
    return (options->pass_fds || !options->pass_fds_count) &&
           (options->limits || !options->limit_count) &&
           (!options->user || options->user->groups || !options->user->group_count) &&
           options->group >= 0 && options->signals <= YIBU_SUBPROCESS_SIGNALS_INHERIT &&
           options->new_session + options->new_group + (options->group > 0) <= 1;
}

int yb_plan_make(yb_plan *plan, const char *const *argv, const yibu_subprocess_options *options)
{
    plan->terminal = -1;
    if (!valid(options))
        return -EINVAL;
    plan->inherit_fds = options->inherit_fds;
    plan->new_session = options->new_session;
    plan->new_group = options->new_group;
    plan->group = options->group;
    plan->set_umask = options->set_umask;
    plan->umask = options->umask;
    make_signals(plan, options->signals);
    plan->argv = keep_texts(plan, argv, 0);
    if (!plan->argv || (options->cwd && !(plan->cwd = keep_text(plan, options->cwd))))
        return -ENOMEM;
    int r = make_env(plan, options);
    if (r == 0)
        r = make_limits(plan, options);
    if (r == 0 && options->user)
        r = make_user(plan, options->user);
    return r < 0 ? r : find_program(plan, options->executable ? options->executable : argv[0]);
}

/* Descriptors. */

static bool taken(const yb_plan *plan, int to)
{
    for (size_t i = 0; i < plan->fd_count; i++)
        if (plan->fds[i].to == to)
            return true;
    return false;
}

static int reserve_fd(yb_plan *plan)
{
    if (plan->fd_count < plan->fd_room)
        return 0;
    size_t room = plan->fd_room ? 2 * plan->fd_room : 4;
    yb_plan_fd *fds = yb_realloc(plan->fds, room * sizeof(*fds));
    if (!fds)
        return -ENOMEM;
    plan->fds = fds;
    plan->fd_room = room;
    return 0;
}

int yb_plan_add_fd(yb_plan *plan, int from, int to)
{
    int r = to < 0 || taken(plan, to) ? -EINVAL : reserve_fd(plan);
    if (r < 0)
        close(from);
    else
        plan->fds[plan->fd_count++] = (yb_plan_fd){.from = from, .to = to};
    return r;
}

int yb_plan_lend_fd(yb_plan *plan, int fd, int to)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? -errno : yb_plan_add_fd(plan, copy, to);
}

void yb_plan_destroy(yb_plan *plan)
{
    for (size_t i = 0; i < plan->fd_count; i++)
        close(plan->fds[i].from);
    yb_free(plan->fds);
    for (yb_kept *kept; (kept = plan->kept);) {
        plan->kept = kept->next;
        yb_free(kept);
    }
}
