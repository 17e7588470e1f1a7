/* A fingerprint of a text, such that texts that differ little differ in few bits: the simhash of
 * its shingles of three words (M. Charikar, "Similarity estimation techniques from rounding
 * algorithms", 2002; G. Manku, A. Jain, A. Das Sarma, "Detecting near-duplicates for web crawling",
 * 2007, which found 64 bits with at most 3 different ones to serve for the web).
 *
 * A word is a run of letters and digits; of the scripts that write without spaces, every character
 * is one. */
#include "fingerprint.h"

#include <ctype.h>
#include <stdbool.h>

struct counter {
    int32_t ones[64]; /* per bit: shingles that have it set, less those that have not */
    uint64_t previous[2];
    size_t words;
};

/* Spreads each bit over all (the finaliser of MurmurHash3). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

static void add_word(struct counter *counter, uint64_t word)
{
    uint64_t shingle = mix(mix(mix(counter->previous[0]) + counter->previous[1]) + word);
    counter->previous[0] = counter->previous[1];
    counter->previous[1] = word;
    if (counter->words++ < 2)
        return;
    for (unsigned bit = 0; bit < 64; bit++)
        counter->ones[bit] += (int32_t)(shingle >> bit & 1) * 2 - 1;
}

static bool is_wide(unsigned char octet)
{
    return octet >= 0xe0; /* begins a character of three or four octets */
}

static bool is_word_part(unsigned char octet)
{
    return isalnum(octet) || (octet >= 0x80 && !is_wide(octet));
}

/* Reads a word at text, at least one octet; the size of what was read. */
static size_t read_word(const char *text, size_t size, uint64_t *ret_word)
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
    size_t length = 0;
    bool wide = is_wide((unsigned char)text[0]);
    do {
        unsigned char octet = (unsigned char)text[length++];
        hash = (hash ^ (unsigned char)tolower(octet)) * 0x100000001b3ULL;
    } while (length < size && (wide ? ((unsigned char)text[length] & 0xc0) == 0x80
                                    : is_word_part((unsigned char)text[length])));
    *ret_word = hash;
    return length;
}

uint64_t fingerprint_text(const char *text, size_t size)
{
    struct counter counter = {0};
    for (size_t at = 0; at < size;) {
        unsigned char octet = (unsigned char)text[at];
        if (!is_word_part(octet) && !is_wide(octet)) {
            at++;
            continue;
        }
        uint64_t word;
        at += read_word(text + at, size - at, &word);
        add_word(&counter, word);
    }
    if (counter.words < FINGERPRINT_MIN_WORDS)
        return 0;
    uint64_t print = 0;
    for (unsigned bit = 0; bit < 64; bit++)
        print |= (uint64_t)(counter.ones[bit] > 0) << bit;
    return print ? print : 1;
}

unsigned fingerprint_distance(uint64_t a, uint64_t b)
{
    return (unsigned)__builtin_popcountll(a ^ b);
}
