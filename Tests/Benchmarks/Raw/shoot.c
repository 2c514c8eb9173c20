// Publishes lines of a file to one exchange at a steady rate, persistent and with confirms: the hardware of a benchmark.
//
//   shoot HOST PORT USER PASSWORD EXCHANGE RATE [CONTENT-TYPE] < LINES
//
// A line is KEY <tab> MESSAGE-ID or - <tab> BODY. RATE is messages a second, 0 as fast as the broker confirms. Prints
// one JSON object when the last confirm has come: count, first and last in seconds of the epoch, returned.
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include "clock.h"

enum { WINDOW = 1000, CHUNK = 50 };

static amqp_connection_state_t connection;
static uint64_t confirmed = 0, returned = 0;

static double now(void) { return seconds_of(CLOCK_REALTIME); }

static void die(const char *what) {
    fprintf(stderr, "shoot: %s\n", what);
    exit(1);
}

static void check(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) die(what);
}

// Reads what the broker says for at most `seconds`; gives whether anything came.
static int listen_for(double seconds) {
    struct timeval limit = {(long)seconds, (long)((seconds - (long)seconds) * 1e6)};
    amqp_frame_t frame;
    amqp_maybe_release_buffers(connection);
    int status = amqp_simple_wait_frame_noblock(connection, &frame, &limit);
    if (status == AMQP_STATUS_TIMEOUT) return 0;
    if (status != AMQP_STATUS_OK) die(amqp_error_string2(status));
    if (frame.frame_type != AMQP_FRAME_METHOD) return 1;
    if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        amqp_basic_ack_t *ack = frame.payload.method.decoded;
        if (ack->multiple) confirmed = ack->delivery_tag > confirmed ? ack->delivery_tag : confirmed;
        else confirmed++;
    } else if (frame.payload.method.id == AMQP_BASIC_RETURN_METHOD) {
        amqp_message_t message;
        check(amqp_read_message(connection, frame.channel, &message, 0), "reading what was returned");
        amqp_destroy_message(&message);
        returned++;
    } else if (frame.payload.method.id == AMQP_BASIC_NACK_METHOD) {
        die("the broker refused a message");
    }
    return 1;
}

int main(int count, char **words) {
    if (count < 7) die("HOST PORT USER PASSWORD EXCHANGE RATE [CONTENT-TYPE]");
    double rate = atof(words[6]);
    connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (!socket || amqp_socket_open(socket, words[1], atoi(words[2]))) die("cannot connect");
    check(amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, words[3], words[4]), "signing in");
    amqp_channel_open(connection, 1);
    check(amqp_get_rpc_reply(connection), "opening the channel");
    amqp_confirm_select(connection, 1);
    check(amqp_get_rpc_reply(connection), "asking for confirms");

    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    uint64_t sent = 0;
    double first = now();
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n') line[--length] = 0;
        char *id = strchr(line, '\t');
        char *body = id ? strchr(id + 1, '\t') : NULL;
        if (!body) die("a line is KEY, MESSAGE-ID, BODY with tabs between");
        *id++ = 0;
        *body++ = 0;
        amqp_basic_properties_t properties = {0};
        properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
        properties.delivery_mode = 2;
        properties.content_type = amqp_cstring_bytes(count > 7 ? words[7] : "application/json");
        if (strcmp(id, "-")) {
            properties._flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
            properties.message_id = amqp_cstring_bytes(id);
        }
        int status = amqp_basic_publish(
            connection, 1, amqp_cstring_bytes(words[5]), amqp_cstring_bytes(line), 1, 0, &properties,
            (amqp_bytes_t){.len = (size_t)(line + length - body), .bytes = body});
        if (status != AMQP_STATUS_OK) die(amqp_error_string2(status));
        sent++;
        if (sent % CHUNK == 0) while (listen_for(0)) {}
        while (sent - confirmed >= WINDOW) listen_for(10);
        if (rate > 0 && sent % CHUNK == 0)
            for (double wait; (wait = first + sent / rate - now()) > 0.0005;) listen_for(wait < 0.01 ? wait : 0.01);
    }
    double end = now() + 60;
    while (confirmed < sent && now() < end) listen_for(1);
    printf("{\"count\": %llu, \"confirmed\": %llu, \"returned\": %llu, \"first\": %.6f, \"last\": %.6f}\n",
           (unsigned long long)sent, (unsigned long long)confirmed, (unsigned long long)returned, first, now());
    return confirmed < sent;
}
