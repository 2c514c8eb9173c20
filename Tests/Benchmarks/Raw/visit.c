// Asks for pages at a steady rate, whether earlier ones have been answered or not, as people do.
//
//   visit RATE WARM CONNECTIONS AUTHORITY EXPECTED [HEADER …] < REQUESTS
//
// A request is ADDRESS <tab> COOKIES or - <tab> BODY or -; one with a body is a POST of JSON. The first WARM requests are
// made at a quarter of RATE and not reported. AUTHORITY is a file of certificates. Prints a line for each request, in
// their order: milliseconds from asking to the whole answer, status (0: no answer), and 1 when the answer contains EXPECTED.
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"

typedef struct {
    char *address, *cookies, *body;
    double began, ended;
    long status;
    int expected;
    char *answer;
    size_t length, room;
} Request;

static struct curl_slist *headers = NULL;
static const char *authority, *expected;

static double now(void) { return seconds_of(CLOCK_MONOTONIC); }

static void die(const char *what) {
    fprintf(stderr, "visit: %s\n", what);
    exit(1);
}

static size_t take(char *data, size_t size, size_t count, void *place) {
    Request *request = place;
    size_t some = size * count;
    if (request->length + some + 1 > request->room) {
        request->room = 2 * (request->length + some + 1);
        request->answer = realloc(request->answer, request->room);
        if (!request->answer) die("no memory");
    }
    memcpy(request->answer + request->length, data, some);
    request->length += some;
    request->answer[request->length] = 0;
    return some;
}

// One request a line; gives how many.
static size_t read_requests(Request **requests) {
    size_t count = 0, room = 0, size = 0;
    char *line = NULL;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        if (count == room) *requests = realloc(*requests, (room = 2 * room + 1000) * sizeof(Request));
        Request *request = *requests + count++;
        memset(request, 0, sizeof *request);
        char *rest = strdup(line);
        request->address = strsep(&rest, "\t");
        request->cookies = strsep(&rest, "\t");
        request->body = strsep(&rest, "\t");
        if (!request->body) die("a request is ADDRESS, COOKIES and BODY");
    }
    free(line);
    return count;
}

static void begin(CURLM *all, CURL *handle, Request *request) {
    // Its connection stays with `all`; nothing else of the request before is left.
    curl_easy_reset(handle);
    curl_easy_setopt(handle, CURLOPT_URL, request->address);
    curl_easy_setopt(handle, CURLOPT_CAINFO, authority);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    // Some places of the navigation lead on; that is part of the way.
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, request);
    if (strcmp(request->cookies, "-")) curl_easy_setopt(handle, CURLOPT_COOKIE, request->cookies);
    if (strcmp(request->body, "-")) curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body);
    request->began = now();
    curl_multi_add_handle(all, handle);
}

int main(int count, char **words) {
    if (count < 6) die("visit RATE WARM CONNECTIONS AUTHORITY EXPECTED [HEADER …] < REQUESTS");
    double rate = atof(words[1]);
    size_t warm = strtoul(words[2], NULL, 10);
    authority = words[4];
    expected = words[5];
    for (int i = 6; i < count; i++) headers = curl_slist_append(headers, words[i]);
    Request *requests = NULL;
    size_t number = read_requests(&requests), begun = 0, done = 0, idle = 0;
    CURL **handles = malloc((number + 1) * sizeof(CURL *));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *all = curl_multi_init();
    curl_multi_setopt(all, CURLMOPT_MAX_TOTAL_CONNECTIONS, atol(words[3]));
    curl_multi_setopt(all, CURLMOPT_MAXCONNECTS, atol(words[3]));
    double due = now();
    while (done < number) {
        while (begun < number && due <= now()) {
            CURL *handle = idle > 0 ? handles[--idle] : curl_easy_init();
            begin(all, handle, &requests[begun++]);
            due += (begun <= warm ? 4 : 1) / rate;
        }
        int running, left;
        curl_multi_perform(all, &running);
        CURLMsg *news;
        while ((news = curl_multi_info_read(all, &left))) {
            if (news->msg != CURLMSG_DONE) continue;
            CURL *handle = news->easy_handle;
            Request *request;
            curl_easy_getinfo(handle, CURLINFO_PRIVATE, &request);
            if (news->data.result == CURLE_OK) curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &request->status);
            request->ended = now();
            request->expected = request->answer && strstr(request->answer, expected) != NULL;
            free(request->answer);
            curl_multi_remove_handle(all, handle);
            handles[idle++] = handle;
            done++;
        }
        double wait = begun < number ? due - now() : 1;
        // Rounded up, so that nobody spins; a request begins at most a millisecond late, and its time with it.
        if (wait > 0) curl_multi_poll(all, NULL, 0, (int)(wait * 1000) + 1, NULL);
    }
    for (size_t i = warm; i < number; i++)
        printf("%.3f %ld %d\n", (requests[i].ended - requests[i].began) * 1000, requests[i].status, requests[i].expected);
    return 0;
}
