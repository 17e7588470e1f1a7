/* The files and folders of a source tree, as pages. */
#include "tree.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curiosities.h"
#include "markup.h"

#define MAX_FILE_BYTES ((size_t)256 * 1024) /* of a longer one, the beginning is shown */

/* --- files ------------------------------------------------------------------------------------ */

/* Reads a text file.  The size is 0 where it is none, or cannot be read. */
static size_t read_text(const char *name, char *buffer)
{
    FILE *file = fopen(name, "re");
    if (!file)
        return 0;
    size_t size = fread(buffer, 1, MAX_FILE_BYTES, file);
    fclose(file);
    return memchr(buffer, 0, size) ? 0 : size;
}

static bool add_file_page(struct site *site, const char *path, const char *text, size_t size)
{
    struct draft draft;
    char *folder = strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
    if (!folder || !draft_open(&draft)) {
        free(folder);
        return false;
    }
    markup_head(draft.file, path);
    markup_link(draft.file, folder, folder);
    fputs("</nav>\n<h1>", draft.file);
    markup_escaped(draft.file, path, strlen(path));
    fputs("</h1>\n", draft.file);
    markup_lines(draft.file, text, size);
    fputs("</body></html>\n", draft.file);
    free(folder);
    struct answer *added = site_add_draft(site, path, &draft);
    if (added)
        added->is_file = true;
    return added;
}

/* Whether a path stands for itself in a URL; a file with another name is not shown. */
static bool is_plain(const char *path)
{
    return path[strspn(path, "/._+-~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789")] == '\0';
}

static bool add_file(struct site *site, const char *path, const char *name)
{
    char *text = malloc(MAX_FILE_BYTES);
    if (!text)
        return false;
    size_t size = is_plain(path) ? read_text(name, text) : 0;
    bool fine = size == 0 || add_file_page(site, path, text, size);
    free(text);
    return fine;
}

/* What is hidden, and folders that hold what was built. */
static bool is_left_out(const FTSENT *entry)
{
    char cache[4096];
    if (entry->fts_level == 0)
        return false;
    if (entry->fts_name[0] == '.')
        return true;
    snprintf(cache, sizeof(cache), "%s/CMakeCache.txt", entry->fts_path);
    return entry->fts_info == FTS_D &&
           (strcmp(entry->fts_name, "build") == 0 || access(cache, F_OK) == 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool add_files(struct site *site, FTS *walk, size_t root_length, size_t max_files)
{
    bool fine = true;
    FTSENT *entry;
    while (fine && site->count < max_files && (entry = fts_read(walk))) {
        if (is_left_out(entry))
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && entry->fts_level > 0)
            fine = add_file(site, entry->fts_path + root_length, entry->fts_path);
    }
    return fine;
}

int tree_add_files(struct site *site, const char *tree, size_t max_files)
{
    size_t length = strlen(tree);
    while (length > 1 && tree[length - 1] == '/')
        length--;
    char *root = strndup(tree, length);
    char *const roots[] = {root, NULL};
    FTS *walk = root ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
    int error = walk && add_files(site, walk, length, max_files) ? 0 : -ENOMEM;
    if (walk)
        fts_close(walk);
    free(root);
    return error == 0 && site->count == 0 ? -ENOENT : error;
}

/* --- folders ---------------------------------------------------------------------------------- */

/* The length of the part of a path that is an entry of a folder: a file, or a folder with its
 * slash.  0: the path is not below the folder. */
static size_t entry_length(const char *folder, const char *path)
{
    size_t length = strlen(folder);
    if (strncmp(folder, path, length) != 0)
        return 0;
    size_t name = strcspn(path + length, "/");
    return length + name + (path[length + name] == '/');
}

/* Files come in the order of the walk, so those of one entry stand together. */
static void list_entries(const struct site *site, size_t files, const char *folder, FILE *page)
{
    const char *last = "";
    size_t last_length = 0;
    for (size_t i = 0; i < files; i++) {
        const char *path = site->answers[i]->path;
        size_t length = entry_length(folder, path);
        if (length == 0 || (length == last_length && memcmp(path, last, length) == 0))
            continue;
        last = path;
        last_length = length;
        fprintf(page, "<li><a href=\"%.*s\">%.*s</a>\n", (int)length, path,
                (int)(length - strlen(folder)), path + strlen(folder));
    }
}

/* Every file of the tree, so that none is further than a step away. */
static void list_files(const struct site *site, size_t files, FILE *page)
{
    fputs("</ul>\n<h2>All files</h2>\n<ul>\n", page);
    for (size_t i = 0; i < files; i++) {
        fputs("<li>", page);
        markup_link(page, site->answers[i]->path, site->answers[i]->path + 1);
    }
}

static bool add_folder(struct site *site, size_t files, const char *folder)
{
    struct draft draft;
    if (!draft_open(&draft))
        return false;
    markup_head(draft.file, folder);
    fputs("</nav>\n<ul>\n", draft.file);
    list_entries(site, files, folder, draft.file);
    if (strcmp(folder, "/") == 0) {
        fputs("</ul>\n<h2>Elsewhere</h2>\n<ul>\n", draft.file);
        curiosities_link(draft.file);
        list_files(site, files, draft.file);
    }
    fputs("</ul></body></html>\n", draft.file);
    return site_add_draft(site, folder, &draft);
}

static bool add_folders_of(struct site *site, size_t files, const char *path)
{
    bool fine = true;
    for (const char *slash = path; slash && fine; slash = strchr(slash + 1, '/')) {
        char *folder = strndup(path, (size_t)(slash - path) + 1);
        fine = folder && (site_find(site, folder) || add_folder(site, files, folder));
        free(folder);
    }
    return fine;
}

bool tree_add_folders(struct site *site)
{
    size_t files = site->count;
    bool fine = true;
    for (size_t i = 0; i < files && fine; i++)
        fine = add_folders_of(site, files, site->answers[i]->path);
    return fine;
}
