#include "loops.h"

#include <amqp_framing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
    unsigned char account[16];
    uint64_t version;
    uint64_t kopecks;
};

static int digit(char character)
{
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    fail("reading a message", "no identifier");
}

static void read_uuid(const char *text, unsigned char *uuid)
{
    for (int index = 0; index < 16; index++) {
        if (*text == '-') text++;
        uuid[index] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
}

/* What stands behind `name` in a text that is known to have it; no parser, which is the least that any reader does. */
static const char *after(const char *text, size_t length, const char *name)
{
    const char *found = memmem(text, length, name, strlen(name));
    if (!found) fail("a message lacks", name);
    return found + strlen(name);
}

static uint64_t digits(const char *text, int most)
{
    uint64_t number = 0;
    for (int index = 0; index < most && *text >= '0' && *text <= '9'; index++) number = number * 10 + (uint64_t)(*text++ - '0');
    return number;
}

static void read_change(amqp_bytes_t body, struct change *change)
{
    const char *sequence = after(body.bytes, body.len, "\"sequence\":\"");
    change->version = digits(sequence, 6) << 40 | digits(sequence + 6, 18);
    read_uuid(after(body.bytes, body.len, "\"accountID\":\""), change->account);
    change->kopecks = digits(after(body.bytes, body.len, "\"balance\":"), 18);
}

/* Takes a batch, remembers it and keeps the newest state of each account in one transaction, acknowledges it. */
int inbox(const struct options *options)
{
    amqp_connection_state_t broker = broker_open(options->amqp, 0);
    PGconn *database = database_open(options->conninfo);
    const Oid remember_types[] = {25, 2951}, keep_types[] = {2951, 1016, 1016};
    database_prepare(
        database, "remember",
        "insert into inbox (queue, message_id) select $1, id from unnest($2) as id"
        " on conflict do nothing returning message_id",
        2, remember_types);
    database_prepare(
        database, "keep",
        "insert into balance (account_id, version, kopecks)"
        " select distinct on (id) id, version, kopecks from unnest($1, $2, $3) as said (id, version, kopecks)"
        " order by id, version desc"
        " on conflict (account_id) do update set version = excluded.version, kopecks = excluded.kopecks"
        " where excluded.version > balance.version",
        3, keep_types);

    const int binary[] = {1, 1, 1};
    struct change *changes = calloc((size_t)options->batch, sizeof *changes);
    struct array ids, accounts, versions, kopecks;
    array_begin(&ids, 2950, options->batch, 16);
    array_begin(&accounts, 2950, options->batch, 16);
    array_begin(&versions, 20, options->batch, 8);
    array_begin(&kopecks, 20, options->batch, 8);

    double start = now();
    broker_subscribe(broker, options->queue, options->prefetch);
    int count = 0;
    while (count < options->messages) {
        int wanted = options->messages - count < options->batch ? options->messages - count : options->batch;
        uint64_t last = 0;
        array_clear(&ids);
        for (int index = 0; index < wanted; index++) {
            amqp_envelope_t envelope;
            amqp_maybe_release_buffers(broker);
            amqp_rpc_reply_t reply = amqp_consume_message(broker, &envelope, NULL, 0);
            if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("consuming", "no message came");
            unsigned char id[16];
            read_uuid(envelope.message.properties.message_id.bytes, id);
            array_add(&ids, id, sizeof id);
            read_change(envelope.message.body, &changes[index]);
            last = envelope.delivery_tag;
            amqp_destroy_envelope(&envelope);
        }
        array_end(&ids);

        database_do(database, "BEGIN");
        const char *values[] = {options->queue, ids.bytes};
        const int lengths[] = {(int)strlen(options->queue), ids.length};
        PGresult *fresh = database_check(
            database, PQexecPrepared(database, "remember", 2, values, lengths, binary, 1), "remembering");
        if (PQntuples(fresh) != wanted) fail("inbox", "a message came twice");
        PQclear(fresh);
        array_clear(&accounts);
        array_clear(&versions);
        array_clear(&kopecks);
        for (int index = 0; index < wanted; index++) {
            uint64_t version = big_endian(changes[index].version), balance = big_endian(changes[index].kopecks);
            array_add(&accounts, changes[index].account, 16);
            array_add(&versions, &version, 8);
            array_add(&kopecks, &balance, 8);
        }
        array_end(&accounts);
        array_end(&versions);
        array_end(&kopecks);
        const char *kept[] = {accounts.bytes, versions.bytes, kopecks.bytes};
        const int sizes[] = {accounts.length, versions.length, kopecks.length};
        PQclear(database_check(database, PQexecPrepared(database, "keep", 3, kept, sizes, binary, 1), "keeping"));
        database_do(database, "COMMIT");
        broker_check(amqp_basic_ack(broker, 1, last, 1), "acknowledging");
        count += wanted;
    }
    report(count, now() - start);
    PQfinish(database);
    broker_close(broker);
    return 0;
}
