/* robots.txt: whatever the file and the path are, there is an answer, and a simple matcher of
 * patterns gives the same one. */
#include "check.h"
#include "robots.h"

/* A pattern and a path, both in normal form, as RFC 9309, section 2.2.3 has it. */
static bool matches(const char *pattern, const char *path, unsigned *steps)
{
    if (++*steps > 100000)
        return false;
    if (*pattern == '\0')
        return true;
    if (pattern[0] == '$' && pattern[1] == '\0')
        return *path == '\0';
    if (*pattern == '*')
        return matches(pattern + 1, path, steps) || (*path && matches(pattern, path + 1, steps));
    return *path == *pattern && matches(pattern + 1, path + 1, steps);
}

static void check_pattern(const char *pattern, const char *path)
{
    char file[300];
    unsigned steps = 0;
    int length = snprintf(file, sizeof(file), "User-agent: *\nDisallow: %s\n", pattern);
    bool expected = !matches(pattern, path, &steps);
    if (steps > 100000 || strcmp(path, "/robots.txt") == 0 || *pattern == '\0')
        return;
    struct robots *rules = robots_parse(file, (size_t)length, "yibu-crawl");
    CHECK(rules != NULL);
    CHECK(robots_allow(rules, path) == expected);
    robots_free(rules);
}

/* Few letters, so that much matches. */
static void take_word(stream *s, const char *letters, char *ret_word, size_t size)
{
    size_t length = take(s) % size;
    for (size_t i = 0; i < length; i++)
        ret_word[i] = letters[take(s) % strlen(letters)];
    ret_word[length] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream s = {data, data + size};
    char pattern[32];
    char path[32] = "/";
    struct robots *rules = robots_parse((const char *)data, size, "yibu-crawl");
    CHECK(rules != NULL);
    CHECK(robots_allow(rules, "/robots.txt"));
    take_word(&s, "/ab*$", pattern, sizeof(pattern));
    take_word(&s, "/ab$", path + 1, sizeof(path) - 1);
    (void)robots_allow(rules, path);
    robots_free(rules);
    check_pattern(pattern, path);
    return 0;
}
