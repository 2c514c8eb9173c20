// A bare loop over libargon2: Argon2id with the parameters of a password here, N hashes in each of C threads.
//
//   argon2 N C
//
// Prints one JSON object: rate, seconds.
#include <argon2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"

static int each;

static void *work(void *unused) {
    unsigned char salt[16], hash[32];
    memset(salt, 7, sizeof salt);
    for (int i = 0; i < each; i++)
        // Two passes over 19 MiB in one lane.
        if (argon2id_hash_raw(2, 19 * 1024, 1, "Sirenevyj4Tuman9", 16, salt, sizeof salt, hash, sizeof hash) != ARGON2_OK) {
            fprintf(stderr, "argon2: no memory\n");
            exit(1);
        }
    return unused;
}

int main(int count, char **words) {
    if (count < 3) return 2;
    int threads = atoi(words[2]);
    each = atoi(words[1]);
    pthread_t *crew = calloc(threads, sizeof *crew);
    double from = seconds_of(CLOCK_MONOTONIC);
    for (int i = 0; i < threads; i++) pthread_create(&crew[i], NULL, work, NULL);
    for (int i = 0; i < threads; i++) pthread_join(crew[i], NULL);
    double seconds = seconds_of(CLOCK_MONOTONIC) - from;
    printf("{\"rate\": %f, \"seconds\": %f}\n", each * threads / seconds, seconds);
    free(crew);
    return 0;
}
