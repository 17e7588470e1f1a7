/* HTML, as the demonstration's site writes it. */
#include "markup.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void markup_escaped(FILE *page, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '<':
            fputs("&lt;", page);
            break;
        case '>':
            fputs("&gt;", page);
            break;
        case '&':
            fputs("&amp;", page);
            break;
        case '"':
            fputs("&quot;", page);
            break;
        default:
            putc(text[i], page);
        }
    }
}

void markup_link(FILE *page, const char *path, const char *name)
{
    fputs("<a href=\"", page);
    markup_escaped(page, path, strlen(path));
    fputs("\">", page);
    markup_escaped(page, name, strlen(name));
    fputs("</a>\n", page);
}

void markup_head(FILE *page, const char *title)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", page);
    markup_escaped(page, title, strlen(title));
    fputs("</title></head>\n<body><nav>", page);
    markup_link(page, "/", "all files");
}

static bool is_word(char letter)
{
    return isalnum((unsigned char)letter) || letter == '_';
}

/* What a word of a program looks like, as code browsers mark it. */
static const char *word_class(char first)
{
    return isdigit((unsigned char)first)   ? "number"
           : isupper((unsigned char)first) ? "type"
                                           : "name";
}

static void write_line(FILE *page, const char *text, size_t size)
{
    while (size > 0) {
        bool word = is_word(*text);
        size_t length = 1;
        while (length < size && is_word(text[length]) == word)
            length++;
        if (word)
            fprintf(page, "<span class=\"%s\">%.*s</span>", word_class(*text), (int)length, text);
        else
            markup_escaped(page, text, length);
        text += length;
        size -= length;
    }
}

/* Every line is a place that others can link to. */
void markup_lines(FILE *page, const char *text, size_t size)
{
    fputs("<pre>\n", page);
    for (unsigned number = 1; size > 0; number++) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        fprintf(page, "<a id=\"line-%u\" href=\"#line-%u\">%u</a> ", number, number, number);
        write_line(page, text, length);
        putc('\n', page);
        length += end != NULL;
        text += length;
        size -= length;
    }
    fputs("</pre>\n", page);
}
