#include "CSimdJSON.h"

#include <new>
#include <simdjson.h>
#include <vector>

using namespace simdjson;

struct zvonok_json {
    dom::parser parser;
    std::vector<zvonok_json_value> values;

    void text(std::string_view text) {
        zvonok_json_value value{};
        value.kind = zvonok_json_text;
        value.length = static_cast<uint32_t>(text.size());
        value.next = static_cast<uint32_t>(values.size() + 1);
        value.text = text.data();
        values.push_back(value);
    }

    // The depth is bounded by the parser.
    void add(dom::element element) {
        size_t mine = values.size();
        zvonok_json_value value{};
        switch (element.type()) {
        case dom::element_type::OBJECT:
            value.kind = zvonok_json_object;
            values.push_back(value);
            for (auto field : dom::object(element)) {
                text(field.key);
                add(field.value);
            }
            break;
        case dom::element_type::ARRAY:
            value.kind = zvonok_json_array;
            values.push_back(value);
            for (auto one : dom::array(element)) add(one);
            break;
        case dom::element_type::STRING: return text(std::string_view(element));
        case dom::element_type::INT64:
            value.kind = zvonok_json_integer;
            value.integer = int64_t(element);
            values.push_back(value);
            break;
        case dom::element_type::UINT64:
            value.kind = zvonok_json_natural;
            value.natural = uint64_t(element);
            values.push_back(value);
            break;
        case dom::element_type::DOUBLE:
            value.kind = zvonok_json_number;
            values.push_back(value);
            break;
        case dom::element_type::BOOL:
            value.kind = bool(element) ? zvonok_json_true : zvonok_json_false;
            values.push_back(value);
            break;
        case dom::element_type::NULL_VALUE:
            value.kind = zvonok_json_null;
            values.push_back(value);
            break;
        }
        values[mine].next = static_cast<uint32_t>(values.size());
    }
};

zvonok_json *zvonok_json_open(const uint8_t *bytes, size_t count) try {
    auto json = new zvonok_json;
    try {
        // 32 bits count the values and the bytes of a text.
        bool isGood = count < UINT32_MAX && !json->parser.allocate(count, 64);
        dom::element root;
        isGood = isGood && !json->parser.parse(bytes, count).get(root);
        if (isGood) {
            json->values.reserve(64);
            json->add(root);
            return json;
        }
    } catch (...) {
    }
    delete json;
    return nullptr;
} catch (...) {
    return nullptr;
}

const zvonok_json_value *zvonok_json_values(const zvonok_json *json) { return json->values.data(); }

void zvonok_json_close(zvonok_json *json) { delete json; }
