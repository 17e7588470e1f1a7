/* Names and sentences of failure codes. */
#include "test.h"

#include <errno.h>
#include <netdb.h>

static void every_errno_of_the_system_has_its_name(void **state)
{
    (void)state;
    int known = 0;
    for (int code = 1; code < 4096; code++) {
        const char *name = strerrorname_np(code);
        if (!name)
            continue;
        assert_string_equal(yibu_error_name(-code), name);
        assert_string_equal(yibu_strerror(-code), strerrordesc_np(code));
        known++;
    }
    assert_in_range(known, 130, 4096);
}

static void codes_of_yibu_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(yibu_error_name(YIBU_ENOTASK), "YIBU_ENOTASK");
    assert_string_equal(yibu_error_name(YIBU_EFORKED), "YIBU_EFORKED");
    assert_string_equal(yibu_error_name(YIBU_ESHUTDOWN), "YIBU_ESHUTDOWN");
    assert_string_equal(yibu_error_name(YIBU_EWORKER), "YIBU_EWORKER");
    assert_string_equal(yibu_error_name(YIBU_EBROKENPOOL), "YIBU_EBROKENPOOL");
    assert_string_equal(yibu_error_name(YIBU_ENOTHREAD), "YIBU_ENOTHREAD");
    assert_string_equal(yibu_error_name(YIBU_ENOJOB), "YIBU_ENOJOB");
    assert_string_equal(yibu_error_name(YIBU_EBUSY), "YIBU_EBUSY");
    assert_string_equal(yibu_error_name(YIBU_EAI_AGAIN), "YIBU_EAI_AGAIN");
    assert_string_equal(yibu_error_name(YIBU_EAI_BADFLAGS), "YIBU_EAI_BADFLAGS");
    assert_string_equal(yibu_error_name(YIBU_EAI_FAIL), "YIBU_EAI_FAIL");
    assert_string_equal(yibu_error_name(YIBU_EAI_FAMILY), "YIBU_EAI_FAMILY");
    assert_string_equal(yibu_error_name(YIBU_EAI_NONAME), "YIBU_EAI_NONAME");
    assert_string_equal(yibu_error_name(YIBU_EAI_SERVICE), "YIBU_EAI_SERVICE");
    assert_string_equal(yibu_error_name(YIBU_EAI_SOCKTYPE), "YIBU_EAI_SOCKTYPE");
    assert_string_equal(yibu_error_name(YIBU_EAI_OTHER), "YIBU_EAI_OTHER");
    assert_string_equal(yibu_error_name(YIBU_EADAPTER), "YIBU_EADAPTER");
    assert_string_equal(yibu_error_name(-12287), "YIBU_EADAPTER");
}

static void codes_nobody_gave_out_are_unknown(void **state)
{
    (void)state;
    const intptr_t unknown[] = {-41, -4095, YIBU_ENOTHREAD - 1, YIBU_EAI_OTHER - 1, -12288, -65535};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_string_equal(yibu_error_name(unknown[i]), "EUNKNOWN");
        assert_string_equal(yibu_strerror(unknown[i]), "Unknown error");
    }
}

static void values_are_no_failures(void **state)
{
    (void)state;
    const intptr_t values[] = {0, 1, INTPTR_MAX, INTPTR_MIN, -65536};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_false(yibu_failed(values[i]));
        assert_string_equal(yibu_strerror(values[i]), "Success");
        assert_string_equal(yibu_error_name(values[i]), "EUNKNOWN");
    }
}

static void every_code_has_a_sentence(void **state)
{
    (void)state;
    for (intptr_t code = -65536; code <= 1; code++) {
        assert_non_null(yibu_strerror(code));
        assert_true(strlen(yibu_strerror(code)) > 0);
        assert_true(strlen(yibu_error_name(code)) > 0);
    }
}

static void what_resolvers_return_has_a_code(void **state)
{
    (void)state;
    assert_int_equal(yibu_eai_error(0), 0);
    assert_int_equal(yibu_eai_error(EAI_MEMORY), -ENOMEM);
    assert_int_equal(yibu_eai_error(EAI_AGAIN), YIBU_EAI_AGAIN);
    assert_int_equal(yibu_eai_error(EAI_NONAME), YIBU_EAI_NONAME);
    assert_int_equal(yibu_eai_error(EAI_NODATA), YIBU_EAI_NONAME);
    assert_int_equal(yibu_eai_error(EAI_OVERFLOW), -ENOSPC);
    assert_int_equal(yibu_eai_error(-9999), YIBU_EAI_OTHER);
    errno = EMFILE;
    assert_int_equal(yibu_eai_error(EAI_SYSTEM), -EMFILE);
    errno = 0;
    assert_int_equal(yibu_eai_error(EAI_SYSTEM), YIBU_EAI_OTHER);
}

static void version_is_that_of_the_headers(void **state)
{
    (void)state;
    char version[32];
    (void)snprintf(version, sizeof(version), "%d.%d.%d", YIBU_VERSION_MAJOR, YIBU_VERSION_MINOR,
                   YIBU_VERSION_PATCH);
    assert_string_equal(yibu_version(), version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_errno_of_the_system_has_its_name),
        cmocka_unit_test(codes_of_yibu_have_their_names),
        cmocka_unit_test(codes_nobody_gave_out_are_unknown),
        cmocka_unit_test(values_are_no_failures),
        cmocka_unit_test(every_code_has_a_sentence),
        cmocka_unit_test(what_resolvers_return_has_a_code),
        cmocka_unit_test(version_is_that_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
