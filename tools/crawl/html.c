/* What a crawler wants of an HTML page: its links and its text.
 *
 * Gumbo builds the tree that the HTML standard prescribes for any octets whatsoever.  Pages made to
 * hurt (a hundred thousand elements inside each other) take it quadratic time: it works in an
 * arena, which it is thrown out of when it has used too much. */
#include "html.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gumbo.h>

#include "arena.h"
#include "url.h"

#define MAX_CPU_NS 2000000000LL
#define MAX_ARENA_BYTES ((size_t)256 * 1024 * 1024)

struct scanner {
    struct html_page *page;
    CURLU *base;
    bool base_set; /* the first base element counts, others do not */
    bool failed;   /* for want of memory */
};

/* The attributes that hold a link. */
static const struct link_attribute {
    GumboTag tag;
    const char *name;
} link_attributes[] = {
    {GUMBO_TAG_A, "href"},          {GUMBO_TAG_AREA, "href"},   {GUMBO_TAG_LINK, "href"},
    {GUMBO_TAG_IMG, "src"},         {GUMBO_TAG_SCRIPT, "src"},  {GUMBO_TAG_IFRAME, "src"},
    {GUMBO_TAG_FRAME, "src"},       {GUMBO_TAG_SOURCE, "src"},  {GUMBO_TAG_VIDEO, "src"},
    {GUMBO_TAG_VIDEO, "poster"},    {GUMBO_TAG_AUDIO, "src"},   {GUMBO_TAG_TRACK, "src"},
    {GUMBO_TAG_EMBED, "src"},       {GUMBO_TAG_OBJECT, "data"}, {GUMBO_TAG_INPUT, "src"},
    {GUMBO_TAG_BODY, "background"},
};

static const char *attribute(const GumboElement *element, const char *name)
{
    const GumboAttribute *found = gumbo_get_attribute(&element->attributes, name);
    return found ? found->value : NULL;
}

static void add_link(struct scanner *scanner, const char *link, size_t length)
{
    struct html_page *page = scanner->page;
    char *url = NULL;
    if (*link == '#' || page->links.count + page->malformed.count >= HTML_MAX_LINKS)
        return; /* a place in the page itself, or enough */
    switch (url_resolve(scanner->base, link, length, &url)) {
    case URL_FINE:
        scanner->failed |= !string_list_take(&page->links, url);
        break;
    case URL_MALFORMED:
        scanner->failed |= !string_list_copy(&page->malformed, link, length);
        break;
    case URL_NO_MEMORY:
        scanner->failed = true;
        break;
    case URL_FOREIGN:
        break;
    }
}

/* "a.png 1x, b.png 2x": a URL up to white space, then a descriptor up to a comma. */
static void add_source_set(struct scanner *scanner, const char *set)
{
    while (*set) {
        set += strspn(set, " \t\r\n\f,");
        size_t length = strcspn(set, " \t\r\n\f");
        size_t url_length = length;
        while (url_length > 0 && set[url_length - 1] == ',')
            url_length--;
        if (url_length > 0)
            add_link(scanner, set, url_length);
        set += length;
        if (url_length == length)
            set += strcspn(set, ",");
    }
}

/* <meta http-equiv="refresh" content="5; url=there.html"> */
static void add_refresh(struct scanner *scanner, const GumboElement *element)
{
    const char *kind = attribute(element, "http-equiv");
    const char *content = attribute(element, "content");
    const char *url =
        content && kind && strcasecmp(kind, "refresh") == 0 ? strcasestr(content, "url=") : NULL;
    if (!url)
        return;
    url += 4;
    char quote = *url == '"' || *url == '\'' ? *url++ : '\0';
    const char *end = quote ? strchr(url, quote) : NULL;
    add_link(scanner, url, end ? (size_t)(end - url) : strlen(url));
}

static void set_base(struct scanner *scanner, const GumboElement *element)
{
    const char *href = attribute(element, "href");
    char *url;
    if (scanner->base_set || !href)
        return;
    scanner->base_set = true;
    if (url_resolve(scanner->base, href, strlen(href), &url) != URL_FINE)
        return;
    CURLU *base = url_base(url);
    free(url);
    if (!base)
        return;
    curl_url_cleanup(scanner->base);
    scanner->base = base;
}

/* A hint to connect to a host names no page. */
static bool is_connection_hint(const GumboElement *element)
{
    const char *relation = element->tag == GUMBO_TAG_LINK ? attribute(element, "rel") : NULL;
    return relation && (strcasestr(relation, "preconnect") || strcasestr(relation, "dns-prefetch"));
}

static void scan_element(struct scanner *scanner, const GumboElement *element)
{
    const char *value;
    if (element->tag == GUMBO_TAG_BASE)
        set_base(scanner, element);
    if (element->tag == GUMBO_TAG_META)
        add_refresh(scanner, element);
    if (element->attributes.length == 0 || is_connection_hint(element))
        return;
    for (size_t i = 0; i < sizeof(link_attributes) / sizeof(*link_attributes); i++)
        if (link_attributes[i].tag == element->tag &&
            (value = attribute(element, link_attributes[i].name)))
            add_link(scanner, value, strlen(value));
    if ((element->tag == GUMBO_TAG_IMG || element->tag == GUMBO_TAG_SOURCE) &&
        (value = attribute(element, "srcset")))
        add_source_set(scanner, value);
}

static void add_text(struct scanner *scanner, const GumboNode *node)
{
    const GumboNode *parent = node->parent;
    if (parent && parent->type == GUMBO_NODE_ELEMENT &&
        (parent->v.element.tag == GUMBO_TAG_SCRIPT || parent->v.element.tag == GUMBO_TAG_STYLE))
        return;
    const char *text = node->v.text.text;
    if (yibu_buffer_append(&scanner->page->text, text, strlen(text)) < 0 ||
        yibu_buffer_append(&scanner->page->text, " ", 1) < 0)
        scanner->failed = true;
}

static const GumboVector *children_of(const GumboNode *node)
{
    switch (node->type) {
    case GUMBO_NODE_ELEMENT:
    case GUMBO_NODE_TEMPLATE:
        return &node->v.element.children;
    case GUMBO_NODE_DOCUMENT:
        return &node->v.document.children;
    default:
        return NULL;
    }
}

/* Visits the tree in document order.  It may be deeper than a stack: the nodes to visit are kept
 * in a buffer, the next one last. */
static void scan_tree(struct scanner *scanner, const GumboNode *root)
{
    yibu_buffer pending = {0};
    scanner->failed |= yibu_buffer_append(&pending, &root, sizeof(root)) < 0;
    while (pending.size > 0 && !scanner->failed) {
        const GumboNode *node;
        pending.size -= sizeof(node);
        memcpy(&node, (char *)pending.data + pending.size, sizeof(node));
        if (node->type == GUMBO_NODE_ELEMENT)
            scan_element(scanner, &node->v.element);
        else if (node->type == GUMBO_NODE_TEXT)
            add_text(scanner, node);
        const GumboVector *children = children_of(node);
        for (unsigned i = children ? children->length : 0; i > 0 && !scanner->failed; i--)
            scanner->failed |=
                yibu_buffer_append(&pending, &children->data[i - 1], sizeof(node)) < 0;
    }
    yibu_buffer_free(&pending);
}

static void never_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static size_t arena_limit(size_t size)
{
    size_t limit = 1024 * 1024 + 64 * size;
    return limit < MAX_ARENA_BYTES ? limit : MAX_ARENA_BYTES;
}

/* The parser's tree in the arena, or NULL where a limit was reached. */
static const GumboNode *parse_tree(struct arena *arena, const char *source, size_t size)
{
    jmp_buf exceeded;
    arena_init(arena, arena_limit(size), MAX_CPU_NS, &exceeded);
    if (setjmp(exceeded))
        return NULL;
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = arena_allocate;
    options.deallocator = never_free;
    options.userdata = arena;
    options.max_errors = 0;
    return gumbo_parse_with_options(&options, source, size)->document;
}

int html_parse(const char *source, size_t size, const char *url, struct html_page *ret_page)
{
    struct html_page page = {0};
    struct scanner scanner = {.page = &page, .base = url_base(url)};
    struct arena arena;
    if (!scanner.base)
        return -ENOMEM;
    const GumboNode *tree = parse_tree(&arena, source, size);
    if (tree)
        scan_tree(&scanner, tree);
    arena_free(&arena);
    curl_url_cleanup(scanner.base);
    if (scanner.failed) {
        html_page_free(&page);
        return -ENOMEM;
    }
    if (!tree)
        return -E2BIG;
    *ret_page = page;
    return 0;
}

void html_page_free(struct html_page *page)
{
    string_list_free(&page->links);
    string_list_free(&page->malformed);
    yibu_buffer_free(&page->text);
}
