/* robots.txt (RFC 9309): which paths of a site a crawler may visit.
 *
 * A file is groups: user-agent lines, then the rules for them.  The rules of all groups that name
 * our token apply; where none does, those of all groups for "*".  So a pass over the file collects
 * both, and the end decides.  Of the rules that match a path, the longest pattern wins, and allow
 * wins over disallow of the same length (section 2.2.2). */
#include "robots.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "url.h"

struct rule {
    char *pattern; /* in normal form */
    size_t length;
    bool allow;
};

struct rule_list {
    struct rule *items;
    size_t count;
    size_t capacity;
};

struct robots {
    struct rule_list rules;
};

struct parser {
    const char *token;
    struct rule_list ours;
    struct rule_list everyones;
    bool found;      /* a group names our token, with or without rules */
    bool in_agents;  /* the last line that counted was a user-agent line */
    bool group_ours; /* the group being read is for our token */
    bool group_everyones;
    bool failed; /* for want of memory */
};

struct span {
    const char *start;
    size_t length;
};

static void free_rules(struct rule_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].pattern);
    free(list->items);
    *list = (struct rule_list){0};
}

static bool add_rule(struct rule_list *list, struct span value, bool allow)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct rule *items = reallocarray(list->items, capacity, sizeof(*items));
        if (!items)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    char *pattern = url_normal_path(value.start, value.length);
    if (!pattern)
        return false;
    list->items[list->count++] = (struct rule){pattern, strlen(pattern), allow};
    return true;
}

static void read_rule(struct parser *parser, struct span value, bool allow)
{
    parser->in_agents = false;
    if (value.length == 0)
        return; /* "Disallow:" alone forbids nothing */
    if (parser->group_ours && !add_rule(&parser->ours, value, allow))
        parser->failed = true;
    if (parser->group_everyones && !add_rule(&parser->everyones, value, allow))
        parser->failed = true;
}

/* A product token is letters, "_" and "-"; what follows it (a version) does not count. */
static size_t token_length(struct span value)
{
    size_t length = 0;
    while (length < value.length && (isalpha((unsigned char)value.start[length]) ||
                                     value.start[length] == '_' || value.start[length] == '-'))
        length++;
    return length;
}

static void read_agent(struct parser *parser, struct span value)
{
    if (!parser->in_agents)
        parser->group_ours = parser->group_everyones = false;
    parser->in_agents = true;
    if (value.length > 0 && value.start[0] == '*') {
        parser->group_everyones = true;
        return;
    }
    size_t length = token_length(value);
    if (length == strlen(parser->token) && strncasecmp(value.start, parser->token, length) == 0)
        parser->group_ours = parser->found = true;
}

static struct span trim(struct span text)
{
    while (text.length > 0 && isspace((unsigned char)text.start[0])) {
        text.start++;
        text.length--;
    }
    while (text.length > 0 && isspace((unsigned char)text.start[text.length - 1]))
        text.length--;
    return text;
}

static bool is_key(struct span text, const char *key)
{
    return text.length == strlen(key) && strncasecmp(text.start, key, text.length) == 0;
}

static void read_line(struct parser *parser, struct span line)
{
    const char *comment = memchr(line.start, '#', line.length);
    if (comment)
        line.length = (size_t)(comment - line.start);
    const char *colon = memchr(line.start, ':', line.length);
    if (!colon)
        return;
    struct span key = trim((struct span){line.start, (size_t)(colon - line.start)});
    struct span value =
        trim((struct span){colon + 1, line.length - (size_t)(colon + 1 - line.start)});
    if (is_key(key, "user-agent"))
        read_agent(parser, value);
    else if (is_key(key, "allow") || is_key(key, "disallow"))
        read_rule(parser, value, is_key(key, "allow"));
}

static void read_lines(struct parser *parser, struct span text)
{
    if (text.length >= 3 && memcmp(text.start, "\xef\xbb\xbf", 3) == 0)
        text = (struct span){text.start + 3, text.length - 3};
    while (text.length > 0) {
        size_t length = 0;
        while (length < text.length && text.start[length] != '\n' && text.start[length] != '\r')
            length++;
        read_line(parser, (struct span){text.start, length});
        length += length < text.length;
        text = (struct span){text.start + length, text.length - length};
    }
}

struct robots *robots_parse(const char *text, size_t size, const char *token)
{
    struct robots *rules = calloc(1, sizeof(*rules));
    if (!rules)
        return NULL;
    struct parser parser = {.token = token};
    read_lines(&parser, (struct span){text, size < ROBOTS_MAX_BYTES ? size : ROBOTS_MAX_BYTES});
    rules->rules = parser.found ? parser.ours : parser.everyones;
    free_rules(parser.found ? &parser.everyones : &parser.ours);
    if (!parser.failed)
        return rules;
    robots_free(rules);
    return NULL;
}

/* "*" stands for any octets, "$" at the end for the path's end; otherwise a pattern matches where
 * the path begins with it.  After a mismatch, the last star takes one octet more: earlier stars
 * need not be tried again. */
static bool matches(const struct rule *rule, const char *path)
{
    size_t length = rule->length;
    bool anchored = length > 0 && rule->pattern[length - 1] == '$';
    length -= anchored;
    size_t at = 0;
    size_t star = length; /* place of the last star, length: none yet */
    const char *retry = NULL;
    for (;;) {
        if (at == length && (!anchored || *path == '\0'))
            return true;
        if (at < length && rule->pattern[at] == '*') {
            star = at++;
            retry = path;
        } else if (at < length && *path && rule->pattern[at] == *path) {
            at++;
            path++;
        } else if (star < length && *retry) {
            path = ++retry;
            at = star + 1;
        } else {
            return false;
        }
    }
}

bool robots_allow(const struct robots *rules, const char *path)
{
    size_t longest = 0;
    bool allow = true;
    if (strcmp(path, "/robots.txt") == 0)
        return true;
    for (size_t i = 0; i < rules->rules.count; i++) {
        const struct rule *rule = &rules->rules.items[i];
        if (rule->length < longest || !matches(rule, path))
            continue;
        allow = rule->allow || (rule->length == longest && allow && longest > 0);
        longest = rule->length;
    }
    return allow;
}

void robots_free(struct robots *rules)
{
    if (!rules)
        return;
    free_rules(&rules->rules);
    free(rules);
}
