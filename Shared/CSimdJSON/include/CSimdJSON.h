#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a value of a JSON text is. Numbers that are whole and fit are integers; every other number is only named.
typedef enum {
    zvonok_json_object, zvonok_json_array, zvonok_json_text, zvonok_json_integer, zvonok_json_natural, zvonok_json_number,
    zvonok_json_true, zvonok_json_false, zvonok_json_null
} zvonok_json_kind;

/// One value, in the order of the text. The values of an object follow it as name, value, name, value.
typedef struct {
    uint8_t kind;
    /// Bytes of a text, which is unescaped UTF-8 without an end mark.
    uint32_t length;
    /// The first value that is no part of this one.
    uint32_t next;
    union {
        const char *text;
        int64_t integer;
        uint64_t natural;
    };
} zvonok_json_value;

typedef struct zvonok_json zvonok_json;

/// Parses a whole text (RFC 8259, depth up to 64) by simdjson; NULL when it is none. To be closed.
zvonok_json *zvonok_json_open(const uint8_t *bytes, size_t count);
/// The values of an opened text; valid until it is closed.
const zvonok_json_value *zvonok_json_values(const zvonok_json *json);
void zvonok_json_close(zvonok_json *json);

#ifdef __cplusplus
}
#endif
