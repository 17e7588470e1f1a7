/* Addresses as text: what is accepted comes back as the same address, and nothing is written beyond
 * the room there is. */
#include <yibu.h>

#include "check.h"

/* The host part of "192.0.2.1:80" and "[2001:db8::1%eth0]:80". */
static void take_host(char *text)
{
    char *colon = strrchr(text, ':');
    CHECK(colon != NULL);
    *colon = '\0';
    size_t length = strlen(text);
    if (text[0] != '[')
        return;
    CHECK(length >= 2 && text[length - 1] == ']');
    text[length - 1] = '\0';
    memmove(text, text + 1, length - 1);
}

static void check_round_trip(const yibu_address *address, uint16_t port)
{
    char text[YIBU_ADDRESS_TEXT];
    yibu_address again;
    int length = yibu_address_format(address, text, sizeof(text));
    CHECK(length > 0 && (size_t)length == strlen(text));
    CHECK(yibu_address_port(address) == port);
    take_host(text);
    CHECK(yibu_address_parse(text, port, &again) == 0);
    CHECK(again.length == address->length);
    CHECK(memcmp(&again, address, sizeof(again)) == 0);
}

/* Every size of buffer: the text, or nothing but an error; always ended. */
static void check_room(const yibu_address *address)
{
    char whole[YIBU_ADDRESS_TEXT];
    int length = yibu_address_format(address, whole, sizeof(whole));
    for (size_t size = 0; size <= (size_t)length + 1; size++) {
        char *text = malloc(size ? size : 1);
        CHECK(text != NULL);
        int r = yibu_address_format(address, text, size);
        if (size > (size_t)length)
            CHECK(r == length && strcmp(text, whole) == 0);
        else
            CHECK(r < 0 && (size == 0 || strlen(text) < size));
        free(text);
    }
}

/* Whatever the bytes of an address are, it can be written, or refused. */
static void check_raw(const uint8_t *data, size_t size)
{
    yibu_address address = {.length = 0};
    char text[YIBU_ADDRESS_TEXT];
    if (size > sizeof(address.storage))
        size = sizeof(address.storage);
    memcpy(&address.storage, data, size);
    address.length = (socklen_t)size;
    int r = yibu_address_format(&address, text, sizeof(text));
    CHECK(yibu_failed(r) || (size_t)r < sizeof(text));
    (void)yibu_address_port(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_raw(data, size);
    if (size < 2)
        return 0;
    uint16_t port = (uint16_t)(data[0] << 8 | data[1]);
    char *text = malloc(size - 1);
    yibu_address address;
    CHECK(text != NULL);
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    memset(&address, 0xa5, sizeof(address));
    if (yibu_address_parse(text, port, &address) == 0) {
        check_round_trip(&address, port);
        check_room(&address);
    } else {
        for (size_t i = 0; i < sizeof(address); i++) /* outputs are untouched on failure */
            CHECK(((unsigned char *)&address)[i] == 0xa5);
    }
    free(text);
    return 0;
}
