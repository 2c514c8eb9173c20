#include "../clock.h"
#include "loops.h"

#include <endian.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

double now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

void report(int count, double seconds)
{
    printf("{\"count\":%d,\"rate\":%f,\"seconds\":%f}\n", count, count / seconds, seconds);
}

/* The broker. */

void broker_check(int status, const char *what)
{
    if (status != AMQP_STATUS_OK) fail(what, amqp_error_string2(status));
}

static void reply_check(amqp_rpc_reply_t reply, const char *what)
{
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) fail(what, amqp_error_string2(reply.library_error));
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(what, "the broker refuses");
}

amqp_connection_state_t broker_open(const char *url, int confirms)
{
    char *copy = strdup(url);
    struct amqp_connection_info info;
    amqp_default_connection_info(&info);
    broker_check(amqp_parse_url(copy, &info), "the broker's address");
    amqp_connection_state_t broker = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(broker);
    broker_check(amqp_socket_open(socket, info.host, info.port), "connecting to the broker");
    reply_check(
        amqp_login(broker, info.vhost, 0, 131072, 10, AMQP_SASL_METHOD_PLAIN, info.user, info.password), "signing in");
    amqp_channel_open(broker, 1);
    reply_check(amqp_get_rpc_reply(broker), "opening a channel");
    if (confirms) {
        amqp_confirm_select(broker, 1);
        reply_check(amqp_get_rpc_reply(broker), "asking for confirms");
    }
    free(copy);
    return broker;
}

void broker_close(amqp_connection_state_t broker)
{
    amqp_connection_close(broker, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(broker);
}

void broker_confirmed(amqp_connection_state_t broker, uint64_t tag)
{
    /* Confirms may come out of order: only those below a gap-free floor count. Batches are far smaller than this. */
    static uint64_t floor;
    static unsigned char early[65536];
    while (floor < tag) {
        amqp_frame_t frame;
        broker_check(amqp_simple_wait_frame(broker, &frame), "waiting for confirms");
        if (frame.frame_type == AMQP_FRAME_METHOD) {
            if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("publishing", "a message was not taken over");
            const amqp_basic_ack_t *ack = frame.payload.method.decoded;
            if (ack->multiple) {
                while (floor < ack->delivery_tag) early[++floor % sizeof early] = 0;
            } else {
                early[ack->delivery_tag % sizeof early] = 1;
            }
            while (early[(floor + 1) % sizeof early]) early[++floor % sizeof early] = 0;
        }
        amqp_maybe_release_buffers(broker);
    }
}

void broker_subscribe(amqp_connection_state_t broker, const char *queue, int prefetch)
{
    amqp_basic_qos(broker, 1, 0, (uint16_t)prefetch, 0);
    reply_check(amqp_get_rpc_reply(broker), "setting the prefetch count");
    amqp_basic_consume(broker, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    reply_check(amqp_get_rpc_reply(broker), "consuming");
}

/* The database. */

PGconn *database_open(const char *conninfo)
{
    PGconn *database = PQconnectdb(conninfo);
    if (PQstatus(database) != CONNECTION_OK) fail("connecting to the database", PQerrorMessage(database));
    return database;
}

PGresult *database_check(PGconn *database, PGresult *result, const char *what)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(what, PQerrorMessage(database));
    return result;
}

void database_do(PGconn *database, const char *command)
{
    PQclear(database_check(database, PQexec(database, command), command));
}

void database_prepare(PGconn *database, const char *name, const char *sql, int count, const Oid *types)
{
    PQclear(database_check(database, PQprepare(database, name, sql, count, types), sql));
}

uint64_t big_endian(uint64_t number) { return htobe64(number); }

static void put32(char *place, uint32_t number)
{
    number = htobe32(number);
    memcpy(place, &number, 4);
}

void array_begin(struct array *array, Oid element, int capacity, int width)
{
    array->bytes = malloc(20 + (size_t)capacity * (size_t)(4 + width));
    put32(array->bytes, 1);
    put32(array->bytes + 4, 0);
    put32(array->bytes + 8, element);
    put32(array->bytes + 16, 1);
    array_clear(array);
}

void array_clear(struct array *array)
{
    array->length = 20;
    array->count = 0;
}

void array_add(struct array *array, const void *element, int width)
{
    put32(array->bytes + array->length, (uint32_t)width);
    memcpy(array->bytes + array->length + 4, element, (size_t)width);
    array->length += 4 + width;
    array->count += 1;
}

void array_end(struct array *array) { put32(array->bytes + 12, (uint32_t)array->count); }

/* The command line. */

static int number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > 100000000) fail(text, "is no number of things");
    return (int)value;
}

int main(int count, char **words)
{
    struct options options = {.messages = 60000, .batch = 100, .prefetch = 300, .size = 512, .queue = ""};
    if (count < 2 || count % 2 == 1) fail("usage", "loops publish|consume|relay|inbox --OPTION VALUE …");
    for (int index = 2; index < count; index += 2) {
        const char *name = words[index], *value = words[index + 1];
        if (!strcmp(name, "--amqp")) options.amqp = value;
        else if (!strcmp(name, "--conninfo")) options.conninfo = value;
        else if (!strcmp(name, "--queue")) options.queue = value;
        else if (!strcmp(name, "--messages")) options.messages = number(value);
        else if (!strcmp(name, "--batch")) options.batch = number(value);
        else if (!strcmp(name, "--prefetch")) options.prefetch = number(value);
        else if (!strcmp(name, "--size")) options.size = number(value);
        else fail(name, "is no option");
    }
    if (!strcmp(words[1], "publish")) return publish(&options);
    if (!strcmp(words[1], "consume")) return consume(&options);
    if (!strcmp(words[1], "relay")) return relay(&options);
    if (!strcmp(words[1], "inbox")) return inbox(&options);
    fail(words[1], "is no benchmark");
}
