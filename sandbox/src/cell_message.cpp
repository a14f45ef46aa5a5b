#include "cell_message.hpp"

#include "../../sdk/src/base/base64.hpp"

#include <boost/json.hpp>

namespace reagent::sandbox {

std::string png_bytes(std::string_view base64) { return from_base64(base64); }

}  // namespace reagent::sandbox

namespace reagent::sandbox::detail {
namespace {

std::string text(const json::object& o, const char* key) {
    const auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string{v->get_string()} : "";
}

cell_error read_error(const json::object& o) {
    cell_error e{text(o, "type"), text(o, "message"), text(o, "trace"), 0};
    if (const auto* line = o.if_contains("line");
        line && line->is_int64() && line->get_int64() > 0 && line->get_int64() < 1'000'000)
        e.line = static_cast<int>(line->get_int64());
    return e;
}

}  // namespace

void read_cell(const json::value& told, cell& c) {
    if (!told.is_object()) return;
    const auto& o = told.get_object();
    c.shown = text(o, "shown");
    if (const auto* v = o.if_contains("value")) c.value = *v;
    if (const auto* e = o.if_contains("error"); e && e->is_object()) c.error = read_error(e->get_object());
    if (const auto* s = o.if_contains("submitted"); s && s->is_object()) c.submitted = s->get_object();
    if (const auto* p = o.if_contains("pictures"); p && p->is_array())
        for (const auto& picture : p->get_array())
            if (picture.is_string()) c.pictures.emplace_back(picture.get_string());
}

std::vector<host_call> read_calls(const json::value& told) {
    constexpr std::size_t most = 1000;
    if (!told.is_array() || told.get_array().size() > most)
        throw std::runtime_error{"it asks for no list of at most 1,000 calls"};
    std::vector<host_call> calls;
    for (const auto& v : told.get_array()) {
        const auto* o = v.if_object();
        const auto* arguments = o ? o->if_contains("arguments") : nullptr;
        if (!arguments || !arguments->is_object()) throw std::runtime_error{"it asks for a call without arguments"};
        calls.push_back({text(*o, "name"), arguments->get_object()});
    }
    return calls;
}

json::object written(const std::vector<host_result>& results) {
    json::array all;
    for (const auto& r : results) all.push_back(json::object{{r.failed ? "error" : "value", r.value}});
    return {{"results", std::move(all)}};
}

}  // namespace reagent::sandbox::detail
