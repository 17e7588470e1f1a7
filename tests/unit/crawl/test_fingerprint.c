/* Fingerprints: near for texts that are near. */
#include "fingerprint.h"

#include "test.h"

/* So many different words, from the given one on. */
static char *words(unsigned first, unsigned count)
{
    char *text = malloc(count * 12 + 1);
    assert_non_null(text);
    char *end = text;
    for (unsigned i = 0; i < count; i++)
        end += sprintf(end, "word%u ", (first + i) * 7919 % 100003);
    return text;
}

static uint64_t print(const char *text)
{
    return fingerprint_text(text, strlen(text));
}

static void the_same_text_has_the_same_fingerprint(void **state)
{
    (void)state;
    char *text = words(1, 200);
    assert_true(print(text) != 0);
    assert_true(print(text) == print(text));
    free(text);
}

static void case_white_space_and_punctuation_do_not_matter(void **state)
{
    (void)state;
    char *text = words(1, 100);
    char loud[2400];
    char *to = loud;
    for (const char *from = text; *from; from++) {
        if (*from == ' ')
            to += sprintf(to, ", \n ");
        else
            *to++ = *from == 'w' ? 'W' : *from;
    }
    *to = '\0';
    assert_true(print(text) == print(loud));
    free(text);
}

static void a_small_change_is_near_and_another_text_is_far(void **state)
{
    (void)state;
    char *text = words(1, 1000);
    char *other = words(50000, 1000);
    char changed[12100];
    snprintf(changed, sizeof(changed), "%s as of today", text);
    assert_true(fingerprint_distance(print(text), print(changed)) <= FINGERPRINT_NEAR_BITS);
    assert_true(fingerprint_distance(print(text), print(other)) > 12);
    free(text);
    free(other);
}

static void short_texts_have_none(void **state)
{
    (void)state;
    char *text = words(1, FINGERPRINT_MIN_WORDS - 1);
    assert_true(print(text) == 0);
    assert_true(print("") == 0);
    assert_true(fingerprint_text(NULL, 0) == 0);
    free(text);
}

static void chinese_is_read_by_character(void **state)
{
    (void)state;
    char text[400] = "";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "\xe5\xbc%c", (char)(0x80 + i));
    assert_true(print(text) != 0);
}

static void any_octets_will_do(void **state)
{
    (void)state;
    char octets[4096];
    unsigned random = 1;
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (char)((random = random * 1103515245 + 12345) >> 16);
    for (size_t size = 0; size < sizeof(octets); size += 13) {
        char *exact = malloc(size + 1);
        memcpy(exact, octets, size);
        (void)fingerprint_text(exact, size);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_text_has_the_same_fingerprint),
        cmocka_unit_test(case_white_space_and_punctuation_do_not_matter),
        cmocka_unit_test(a_small_change_is_near_and_another_text_is_far),
        cmocka_unit_test(short_texts_have_none),
        cmocka_unit_test(chinese_is_read_by_character),
        cmocka_unit_test(any_octets_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
