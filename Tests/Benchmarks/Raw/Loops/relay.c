#include "loops.h"

#include <amqp_framing.h>
#include <stdio.h>
#include <string.h>

enum { seq, event_id, exchange, routing_key, type, body, correlation_id, created_at };

/* Postgres counts microseconds from the year 2000. */
static const uint64_t from_1970_to_2000 = 946684800;

static amqp_bytes_t cell(PGresult *rows, int row, int column)
{
    return (amqp_bytes_t){.len = (size_t)PQgetlength(rows, row, column), .bytes = PQgetvalue(rows, row, column)};
}

static void name(char *text, const unsigned char *uuid)
{
    static const char digits[] = "0123456789abcdef";
    for (int index = 0; index < 16; index++) {
        if (index == 4 || index == 6 || index == 8 || index == 10) *text++ = '-';
        *text++ = digits[uuid[index] >> 4];
        *text++ = digits[uuid[index] & 15];
    }
}

/* Reads the outbox in batches, in order; publishes each with confirms and deletes it. */
int relay(const struct options *options)
{
    amqp_connection_state_t broker = broker_open(options->amqp, 1);
    PGconn *database = database_open(options->conninfo);
    const Oid read_types[] = {23}, delete_types[] = {1016};
    database_prepare(
        database, "read",
        "select seq, event_id, exchange, routing_key, type, body, correlation_id, created_at"
        " from outbox where try_after <= now() order by seq limit $1",
        1, read_types);
    database_prepare(database, "delete", "delete from outbox where seq = any($1)", 1, delete_types);

    uint32_t limit = (uint32_t)(big_endian((uint64_t)options->batch) >> 32);
    const char *read_values[] = {(const char *)&limit};
    const int read_lengths[] = {4}, binary[] = {1};
    struct array done;
    array_begin(&done, 20, options->batch, 8);

    amqp_basic_properties_t properties;
    memset(&properties, 0, sizeof properties);
    properties.delivery_mode = 2;
    properties.content_type = amqp_cstring_bytes("application/cloudevents+json");
    properties.app_id = amqp_cstring_bytes("ledger");

    uint64_t tag = 0;
    int count = 0;
    double start = now();
    while (count < options->messages) {
        PGresult *rows = database_check(
            database, PQexecPrepared(database, "read", 1, read_values, read_lengths, binary, 1), "reading the outbox");
        int found = PQntuples(rows);
        if (found == 0) fail("relay", "the outbox is empty too soon");
        array_clear(&done);
        for (int row = 0; row < found; row++) {
            char id[36];
            name(id, (const unsigned char *)PQgetvalue(rows, row, event_id));
            uint64_t moment;
            memcpy(&moment, PQgetvalue(rows, row, created_at), 8);
            properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG |
                                AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG;
            properties.message_id = (amqp_bytes_t){.len = sizeof id, .bytes = id};
            properties.type = cell(rows, row, type);
            properties.timestamp = big_endian(moment) / 1000000 + from_1970_to_2000;
            if (!PQgetisnull(rows, row, correlation_id)) {
                properties.correlation_id = cell(rows, row, correlation_id);
                properties._flags |= AMQP_BASIC_CORRELATION_ID_FLAG;
            }
            broker_check(
                amqp_basic_publish(
                    broker, 1, cell(rows, row, exchange), cell(rows, row, routing_key), 1, 0, &properties,
                    cell(rows, row, body)),
                "publishing");
            array_add(&done, PQgetvalue(rows, row, seq), 8);
        }
        tag += (uint64_t)found;
        broker_confirmed(broker, tag);
        array_end(&done);
        const char *values[] = {done.bytes};
        const int lengths[] = {done.length};
        PQclear(database_check(
            database, PQexecPrepared(database, "delete", 1, values, lengths, binary, 1), "deleting what was sent"));
        PQclear(rows);
        count += found;
    }
    report(count, now() - start);
    PQfinish(database);
    broker_close(broker);
    return 0;
}
