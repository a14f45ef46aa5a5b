#include <reagent/agents/interpreter.hpp>

#include <reagent/adapter/adapter.hpp>
#include <reagent/schema/render.hpp>

#include "react_parts.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

std::string type_of(const json::value& shape) {
    const auto* o = shape.if_object();
    const auto* type = o ? o->if_contains("type") : nullptr;
    if (!type || !type->is_string()) return "any";
    const std::string_view name = type->get_string();
    for (auto [json_name, python] :
         {std::pair{"string", "str"}, {"integer", "int"}, {"number", "float"}, {"boolean", "bool"}, {"array", "list"}})
        if (name == json_name) return python;
    return "dict";
}

std::string parameters_of(const tool& t) {
    std::string text;
    const auto* properties = t.parameters().if_contains("properties");
    if (!properties || !properties->is_object()) return text;
    for (const auto& [name, shape] : properties->get_object()) {
        text += (text.empty() ? "" : ", ") + std::string{name} + ": " + type_of(shape);
        if (const auto* o = shape.if_object(); o && o->contains("default"))
            text += " = " + python_str(o->at("default"));
    }
    return text;
}

std::string text_in(const json::object& told, const char* key) {
    const auto* v = told.if_contains(key);
    return v && v->is_string() ? std::string{v->get_string()} : "";
}

}  // namespace

std::string python_name(std::string_view tool) {
    std::string name;
    for (char c : tool) name += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    return name.empty() || (name.front() >= '0' && name.front() <= '9') ? "_" + name : name;
}

std::string python_functions(const tools& all) {
    std::string text;
    for (const auto& t : all.all())
        text += "\n- " + python_name(t.name()) + "(" + escape_markers(parameters_of(t)) +
                "): " + escape_markers(t.description());
    return text;
}

std::string cell_text(const json::object& told, std::size_t most) {
    std::string text = shortened(text_in(told, "output"), most);
    auto line = [&](const std::string& more) {
        if (!text.empty() && !text.ends_with('\n')) text += '\n';
        text += more;
    };
    if (told.contains("truncated")) line("[more was printed than is kept]");
    if (auto shown = text_in(told, "shown"); !shown.empty()) line("Value: " + shortened(std::move(shown), most));
    if (const auto* e = told.if_contains("error"); e && e->is_object()) {
        auto trace = text_in(e->get_object(), "trace");
        line("Error: " + shortened(trace.empty() ? text_in(e->get_object(), "message") : std::move(trace), most));
    }
    if (const auto* p = told.if_contains("pictures"); p && p->is_array())
        line("[" + std::to_string(p->get_array().size()) + " picture(s) shown]");
    if (told.contains("pictures_left_out")) line("[the pictures are too large to be kept]");
    if (auto why = text_in(told, "ended"); !why.empty())
        line("[the interpreter was ended by this cell (" + why +
             "); the next cell finds the variables of the cells before it]");
    if (auto differs = text_in(told, "differs"); !differs.empty())
        line("[the interpreter was started again, and what it holds may differ: " + differs + "]");
    while (text.ends_with('\n')) text.pop_back();
    return text.empty() ? "(nothing was printed)" : text;
}

}  // namespace reagent::detail
