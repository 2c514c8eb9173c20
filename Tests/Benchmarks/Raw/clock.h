// Seconds of a clock of the system, for programs that time themselves.
#pragma once
#include <time.h>

static inline double seconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
