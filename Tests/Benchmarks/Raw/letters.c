// A bare libcurl loop: sends one letter N times over C connections, a thread each, with connections kept.
//
//   letters URL N C BODY-FILE
//
// Prints one JSON object: rate, seconds.
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"

static const char *url;
static char *body;
static size_t length;
static int each;

static size_t give(char *room, size_t size, size_t count, void *place) {
    size_t *at = place, some = size * count;
    if (some > length - *at) some = length - *at;
    memcpy(room, body + *at, some);
    *at += some;
    return some;
}

static void *work(void *unused) {
    CURL *handle = curl_easy_init();
    struct curl_slist *to = curl_slist_append(NULL, "<parent@school.test>");
    for (int i = 0; i < each; i++) {
        size_t at = 0;
        curl_easy_setopt(handle, CURLOPT_URL, url);
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_MAIL_FROM, "<zvonok@school.test>");
        curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
        curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(handle, CURLOPT_READDATA, &at);
        CURLcode code = curl_easy_perform(handle);
        if (code != CURLE_OK) {
            fprintf(stderr, "letters: %s\n", curl_easy_strerror(code));
            exit(1);
        }
    }
    curl_slist_free_all(to);
    curl_easy_cleanup(handle);
    return unused;
}

int main(int count, char **words) {
    if (count < 5) return 2;
    url = words[1];
    int threads = atoi(words[3]);
    each = atoi(words[2]) / threads;
    FILE *file = fopen(words[4], "rb");
    if (!file) return 2;
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    body = malloc(length);
    if (fread(body, 1, length, file) != length) return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    double from = seconds_of(CLOCK_MONOTONIC);
    pthread_t ids[64];
    for (int i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, NULL);
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    double seconds = seconds_of(CLOCK_MONOTONIC) - from;
    printf("{\"rate\": %.1f, \"seconds\": %.3f}\n", each * threads / seconds, seconds);
}
