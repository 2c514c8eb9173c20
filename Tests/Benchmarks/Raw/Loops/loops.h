/* The same work as ours by plain loops over librabbitmq and libpq: the limit that a driver can only come near to.
 *
 * Nothing here is for production: any error ends the program, and nothing reconnects. */
#ifndef LOOPS_H
#define LOOPS_H

#include <libpq-fe.h>
#include <amqp.h>
#include <stdint.h>

/* The command line: `loops NAME --amqp URL --conninfo TEXT …`, all as options with a value. */
struct options {
    const char *amqp;
    const char *conninfo;
    const char *queue;
    int messages;
    int batch;
    int prefetch;
    int size;
};

int publish(const struct options *options);
int consume(const struct options *options);
int relay(const struct options *options);
int inbox(const struct options *options);

/* Ends the program with a message. */
void fail(const char *what, const char *why) __attribute__((noreturn));
/* Seconds of a clock that only goes forward. */
double now(void);
/* Prints what our side prints, too. */
void report(int count, double seconds);

/* Connects and opens channel 1; with confirms when asked to. */
amqp_connection_state_t broker_open(const char *url, int confirms);
void broker_close(amqp_connection_state_t broker);
void broker_check(int status, const char *what);
/* Waits until every message up to `tag` is confirmed; a returned or refused one ends the program. */
void broker_confirmed(amqp_connection_state_t broker, uint64_t tag);
/* Asks for deliveries from the queue. */
void broker_subscribe(amqp_connection_state_t broker, const char *queue, int prefetch);

PGconn *database_open(const char *conninfo);
/* Ends the program unless the result is one of a command or of rows; gives it back. */
PGresult *database_check(PGconn *database, PGresult *result, const char *what);
void database_do(PGconn *database, const char *command);
void database_prepare(PGconn *database, const char *name, const char *sql, int count, const Oid *types);

/* A one-dimensional array of elements of one width in Postgres' binary form. */
struct array {
    char *bytes;
    int length;
    int count;
};
void array_begin(struct array *array, Oid element, int capacity, int width);
void array_add(struct array *array, const void *element, int width);
/* Writes how many elements there are; the array is then ready to be sent. */
void array_end(struct array *array);
void array_clear(struct array *array);

uint64_t big_endian(uint64_t number);

#endif
