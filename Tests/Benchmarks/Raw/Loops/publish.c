#include "loops.h"

#include <amqp_framing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Publishes batches of persistent mandatory messages and waits for the confirms of each batch. */
int publish(const struct options *options)
{
    amqp_connection_state_t broker = broker_open(options->amqp, 1);
    char *body = malloc((size_t)options->size);
    memset(body, 'x', (size_t)options->size);
    char(*names)[37] = malloc((size_t)options->batch * sizeof *names);
    for (int index = 0; index < options->batch; index++)
        snprintf(names[index], sizeof *names, "0195f2c0-0000-7000-8000-%012d", index);

    amqp_basic_properties_t properties;
    memset(&properties, 0, sizeof properties);
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG |
                        AMQP_BASIC_CONTENT_TYPE_FLAG;
    properties.delivery_mode = 2;
    properties.type = amqp_cstring_bytes("benchmark.message.v1");
    properties.content_type = amqp_cstring_bytes("application/octet-stream");
    amqp_bytes_t content = {.len = (size_t)options->size, .bytes = body};
    amqp_bytes_t key = amqp_cstring_bytes(options->queue);

    uint64_t tag = 0;
    double start = 0;
    int count = -options->batch;
    while (count < options->messages) {
        for (int index = 0; index < options->batch; index++) {
            properties.message_id = amqp_cstring_bytes(names[index]);
            broker_check(
                amqp_basic_publish(broker, 1, amqp_empty_bytes, key, 1, 0, &properties, content), "publishing");
        }
        tag += (uint64_t)options->batch;
        broker_confirmed(broker, tag);
        /* The first batch warms up. */
        if (count < 0) start = now();
        count += options->batch;
    }
    report(count, now() - start);
    broker_close(broker);
    return 0;
}
