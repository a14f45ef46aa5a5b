// What both protocols have in common of a request.
#include "read_request.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <cmath>

namespace reagent::detail {

void refuse_parameter(const std::string& name, const std::string& why, const std::string& code) {
    throw model_refusal{400, why, name, code};
}

const json::value* given(const json::object& body, const char* name) {
    auto* v = body.if_contains(name);
    return v && !v->is_null() ? v : nullptr;
}

std::optional<double> number_in(const json::object& body, const char* name, double least, double most) {
    auto* v = given(body, name);
    if (!v) return {};
    if (!v->is_number()) refuse_parameter(name, std::string{name} + " is a number", "invalid_type");
    auto d = v->to_number<double>();
    if (!(d >= least && d <= most)) refuse_parameter(name, std::string{name} + " is out of range", "invalid_value");
    return d;
}

std::optional<std::int64_t> whole_number_in(const json::object& body, const char* name, double least, double most) {
    auto d = number_in(body, name, least, most);
    if (!d) return {};
    if (*d != std::trunc(*d)) refuse_parameter(name, std::string{name} + " is a whole number", "invalid_type");
    const auto& v = body.at(name);
    return v.is_int64() ? v.get_int64() : static_cast<std::int64_t>(*d);
}

bool flag_in(const json::object& body, const char* name) {
    auto* v = given(body, name);
    if (!v) return false;
    if (!v->is_bool()) refuse_parameter(name, std::string{name} + " is true or false", "invalid_type");
    return v->get_bool();
}

void refuse_unknown(const json::object& body, const std::vector<std::string>& known) {
    for (const auto& [name, v] : body) {
        std::string n{name};
        if (std::find(known.begin(), known.end(), n) != known.end()) continue;
        auto near = did_you_mean(n, known);
        refuse_parameter(n, "unknown parameter `" + n + "`" + (near.empty() ? "" : "; did you mean `" + near + "`?"),
                         "unknown_parameter");
    }
}

void refuse_set(const json::object& body, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        auto* v = given(body, name);
        const bool nothing = !v || (v->is_bool() && !v->get_bool()) ||
                             (v->is_number() && v->to_number<double>() == 0) ||
                             (v->is_array() && v->get_array().empty()) || (v->is_object() && v->get_object().empty());
        if (!nothing)
            refuse_parameter(name, std::string{"`"} + name + "` is not possible with this model, which is a program",
                             "unsupported_parameter");
    }
}

program_route* program_in(const json::object& body,
                          const std::function<program_route*(std::string_view)>& program_named) {
    auto* v = given(body, "model");
    if (!v || !v->is_string()) refuse_parameter("model", "`model` is the name of a model", "invalid_type");
    auto* p = program_named(std::string_view{v->get_string()});
    if (!p)
        throw model_refusal{404, "there is no model of that name; GET /v1/models has them", "model", "model_not_found"};
    return p;
}

// Tools of the client: a program has its own.
void check_tools(const json::object& body) {
    auto* tools = given(body, "tools");
    auto* choice = given(body, "tool_choice");
    if (!tools || (tools->is_array() && tools->get_array().empty())) return;
    if (choice && choice->is_string() && choice->get_string() == "none") return;
    refuse_parameter("tools", "this model is a program with tools of its own, and takes no others",
                     "unsupported_parameter");
}

std::string text_in(const json::value& content, const std::string& parameter) {
    if (content.is_string()) return std::string{content.get_string()};
    if (!content.is_array()) refuse_parameter(parameter, "a content is a text or a list of parts", "invalid_type");
    std::string text;
    for (const auto& part : content.get_array()) {
        auto* o = part.if_object();
        auto* type = o ? o->if_contains("type") : nullptr;
        auto* words = o ? o->if_contains("text") : nullptr;
        const std::string kind = type && type->is_string() ? std::string{type->get_string()} : "";
        if ((kind != "text" && kind != "input_text" && kind != "output_text") || !words || !words->is_string())
            refuse_parameter(parameter, "this model takes texts only, no part of type \"" + kind + "\"",
                             "unsupported_content");
        text += words->get_string();
    }
    return text;
}

said message_in(const json::object& o, const std::string& parameter) {
    auto* role = given(o, "role");
    const std::string who = role && role->is_string() ? std::string{role->get_string()} : "";
    auto* content = given(o, "content");
    if (who != "system" && who != "developer" && who != "user" && who != "assistant")
        refuse_parameter(parameter,
                         "a message is of the system, the developer, the user or the assistant, not of \"" + who + "\"",
                         "invalid_role");
    if (!content) refuse_parameter(parameter, "a message has a content", "missing_content");
    said s{who == "user"        ? said::user
           : who == "assistant" ? said::assistant
                                : said::instructions,
           text_in(*content, parameter)};
    return s;
}

// {"type": "json_schema", ...}: of chat one level deeper than of responses.
void read_format(const json::value* format, const std::string& parameter, model_request& m) {
    if (!format) return;
    auto* o = format->if_object();
    auto* type = o ? given(*o, "type") : nullptr;
    const std::string kind = type && type->is_string() ? std::string{type->get_string()} : "";
    if (kind == "text") return;
    if (kind != "json_object" && kind != "json_schema")
        refuse_parameter(parameter, "unknown format \"" + kind + "\"", "invalid_value");
    m.as_json = true;
    if (kind == "json_object") return;
    auto* inner = given(*o, "json_schema");
    auto* holder = inner && inner->is_object() ? &inner->get_object() : o;
    auto* shape = given(*holder, "schema");
    if (!shape) refuse_parameter(parameter, "a format of type json_schema has a schema", "missing_schema");
    try {
        m.shape.emplace(*shape);
    } catch (const schema_error&) {
        refuse_parameter(parameter, "the schema cannot be understood", "invalid_schema");
    }
}

void check_messages(const model_request& m, const char* parameter) {
    if (m.messages.empty() || m.messages.back().who != said::user)
        refuse_parameter(parameter, "the last message is the user's", "invalid_value");
}

}  // namespace reagent::detail
