/* A program that uses libyibu-dns: what it looks up needs no server. */
#define _POSIX_C_SOURCE 200809L /* getaddrinfo(3)'s types */
#include <stdio.h>

#include <yibu.h>
#include <yibu/dns.h>

static intptr_t look_up(void *arg)
{
    yibu_dns *dns;
    struct addrinfo *list;
    int r = yibu_dns_new(NULL, &dns);
    if (r < 0)
        return r;
    r = yibu_dns_getaddrinfo(dns, (const char *)arg, "80", NULL, &list);
    if (r == 0)
        freeaddrinfo(list);
    yibu_dns_free(dns);
    return r;
}

int main(void)
{
    char host[] = "127.0.0.1";
    intptr_t result = yibu_run(look_up, host, NULL);
    printf("%ld\n", (long)result);
    return result == 0 ? 0 : 1;
}
