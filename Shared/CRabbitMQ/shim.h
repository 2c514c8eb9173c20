#pragma once
#include <string.h>
// librabbitmq 0.11 keeps its headers flat; from 0.12 on they live in a folder of their own.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <amqp_ssl_socket.h>
#include <amqp_framing.h>
#endif

// Swift does not import macros with casts; these are the methods the driver looks at.
static const amqp_method_number_t zvonok_connection_close = AMQP_CONNECTION_CLOSE_METHOD;
static const amqp_method_number_t zvonok_connection_close_ok = AMQP_CONNECTION_CLOSE_OK_METHOD;
static const amqp_method_number_t zvonok_connection_blocked = AMQP_CONNECTION_BLOCKED_METHOD;
static const amqp_method_number_t zvonok_connection_unblocked = AMQP_CONNECTION_UNBLOCKED_METHOD;
static const amqp_method_number_t zvonok_channel_close = AMQP_CHANNEL_CLOSE_METHOD;
static const amqp_method_number_t zvonok_basic_cancel = AMQP_BASIC_CANCEL_METHOD;
static const amqp_method_number_t zvonok_basic_return = AMQP_BASIC_RETURN_METHOD;
static const amqp_method_number_t zvonok_basic_deliver = AMQP_BASIC_DELIVER_METHOD;
static const amqp_method_number_t zvonok_basic_get_ok = AMQP_BASIC_GET_OK_METHOD;
static const amqp_method_number_t zvonok_basic_get_empty = AMQP_BASIC_GET_EMPTY_METHOD;
static const amqp_method_number_t zvonok_basic_ack = AMQP_BASIC_ACK_METHOD;
static const amqp_method_number_t zvonok_basic_nack = AMQP_BASIC_NACK_METHOD;

static inline amqp_table_entry_t zvonok_capability(const char *name) {
  amqp_table_entry_t entry;
  memset(&entry, 0, sizeof entry);
  entry.key = amqp_cstring_bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

// Signs in (amqp_login is variadic, which Swift cannot call) and asks the broker to tell this client when it blocks
// the connection and when it cancels a consumer: librabbitmq alone asks for neither.
static inline amqp_rpc_reply_t zvonok_login(amqp_connection_state_t state, const char *vhost, int frame_max,
                                            int heartbeat, const char *name, const char *user,
                                            const char *password) {
  amqp_table_entry_t capabilities[4] = {
      zvonok_capability("connection.blocked"), zvonok_capability("consumer_cancel_notify"),
      zvonok_capability("basic.nack"), zvonok_capability("publisher_confirms")};
  amqp_table_entry_t properties[2];
  amqp_table_t table = {2, properties};
  memset(properties, 0, sizeof properties);
  properties[0].key = amqp_cstring_bytes("connection_name");
  properties[0].value.kind = AMQP_FIELD_KIND_UTF8;
  properties[0].value.value.bytes = amqp_cstring_bytes(name);
  properties[1].key = amqp_cstring_bytes("capabilities");
  properties[1].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[1].value.value.table.num_entries = 4;
  properties[1].value.value.table.entries = capabilities;
  return amqp_login_with_properties(state, vhost, 16, frame_max, heartbeat, &table, AMQP_SASL_METHOD_PLAIN, user,
                                    password);
}
