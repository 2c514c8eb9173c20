#include "loops.h"

/* Takes messages and acknowledges every batch with one word. */
int consume(const struct options *options)
{
    amqp_connection_state_t broker = broker_open(options->amqp, 0);
    broker_subscribe(broker, options->queue, options->prefetch);
    double start = 0;
    for (int count = 1; count <= options->messages; count++) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(broker);
        amqp_rpc_reply_t reply = amqp_consume_message(broker, &envelope, NULL, 0);
        if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("consuming", "no message came");
        if (count == 1) start = now();
        if (count % options->batch == 0 || count == options->messages)
            broker_check(amqp_basic_ack(broker, 1, envelope.delivery_tag, 1), "acknowledging");
        amqp_destroy_envelope(&envelope);
    }
    report(options->messages, now() - start);
    broker_close(broker);
    return 0;
}
