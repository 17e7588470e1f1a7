/* The register of jobs: one entry a module (program or shared library), an array of pointers that
 * the linker gathered from the module's YIBU_JOBs.
 *
 * Constructors fill it, before main and before yibu_set_allocator may be called, so it allocates
 * nothing.  Every YIBU_JOB has a constructor of its own and each names the whole module; the first
 * one registers it.  Libraries may also come and go later, on any thread, hence the lock; workers,
 * which look jobs up, have one thread. */
#include "proc/job.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"

enum { MAX_MODULES = 256, LATELY_FOUND = 64 };

typedef struct module {
    const yibu_job *const *first, *const *end;
} module;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static module modules[MAX_MODULES]; /* in the order they were loaded */
static unsigned module_count;
static const yibu_job *lately[LATELY_FOUND]; /* at their names' hashes */

static unsigned index_of(const yibu_job *const *first)
{
    unsigned i = 0;
    while (i < module_count && modules[i].first != first)
        i++;
    return i;
}

void yibu_register_jobs_(const yibu_job *const *first, const yibu_job *const *end)
{
    pthread_mutex_lock(&lock);
    unsigned i = index_of(first);
    if (i == MAX_MODULES)
        yb_abort("jobs in more than %d shared libraries", MAX_MODULES);
    if (i == module_count)
        modules[module_count++] = (module){first, end};
    pthread_mutex_unlock(&lock);
}

void yibu_unregister_jobs_(const yibu_job *const *first)
{
    pthread_mutex_lock(&lock);
    unsigned i = index_of(first);
    if (i < module_count) {
        module_count--;
        memmove(&modules[i], &modules[i + 1], (module_count - i) * sizeof(modules[0]));
        memset(lately, 0, sizeof(lately));
    }
    pthread_mutex_unlock(&lock);
}

static bool has_name(const yibu_job *job, const char *name, size_t size)
{
    return strncmp(job->name, name, size) == 0 && job->name[size] == '\0';
}

static const yibu_job *find_in(const module *m, const char *name, size_t size)
{
    for (const yibu_job *const *entry = m->first; entry < m->end; entry++)
        if (has_name(*entry, name, size))
            return *entry;
    return NULL;
}

static const yibu_job *search(const char *name, size_t size)
{
    const yibu_job *job = NULL;
    for (unsigned i = 0; !job && i < module_count; i++)
        job = find_in(&modules[i], name, size);
    return job;
}

static unsigned hash(const char *name, size_t size)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619U;
    return hash % LATELY_FOUND;
}

/* A worker calls the same few jobs again and again. */
const yibu_job *yb_job_find(const char *name, size_t size)
{
    if (size > YB_JOB_NAME_MAX)
        return NULL;
    const yibu_job **place = &lately[hash(name, size)];
    pthread_mutex_lock(&lock);
    const yibu_job *job = *place && has_name(*place, name, size) ? *place : search(name, size);
    if (job)
        *place = job;
    pthread_mutex_unlock(&lock);
    return job;
}

bool yb_job_valid(const yibu_job *job)
{
    if (!job || !job->name || !job->name[0])
        return false;
    return strnlen(job->name, YB_JOB_NAME_MAX + 1) <= YB_JOB_NAME_MAX;
}
