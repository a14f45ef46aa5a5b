// Between what is said to a model and a program's inputs and outputs.
#include "model_request.hpp"

#include "../json_body.hpp"

#include <reagent/schema/render.hpp>

#include "../../base/text.hpp"

#include <boost/json.hpp>

#include <set>

namespace reagent::detail {
namespace {

const json::object* properties_of(const json::value& shape) {
    auto* o = shape.if_object();
    auto* p = o ? o->if_contains("properties") : nullptr;
    return p ? p->if_object() : nullptr;
}

bool is_text(const json::value& shape) {
    auto* o = shape.if_object();
    auto* type = o ? o->if_contains("type") : nullptr;
    return type && *type == "string";
}

// The one input that must be given, where it is a text: what was said goes there.
std::string text_input(const served_program& p) {
    auto* properties = properties_of(p.input);
    auto* required = p.input.is_object() ? p.input.get_object().if_contains("required") : nullptr;
    if (!properties || !required || !required->is_array()) return {};
    std::string found;
    for (const auto& name : required->get_array()) {
        if (name == "history") continue;
        auto* shape = properties->if_contains(name.as_string());
        if (!found.empty() || !shape || !is_text(*shape)) return {};
        found = name.as_string();
    }
    return found;
}

std::string joined(const std::vector<said>& all, said::who_t who) {
    std::string text;
    for (const auto& s : all)
        if (s.who == who) text += (text.empty() ? "" : "\n\n") + s.text;
    return text;
}

// A program that knows no history sees all that was said.
std::string transcript(const std::vector<said>& all) {
    std::string text = joined(all, said::instructions);
    auto turns = std::count_if(all.begin(), all.end(), [](const said& s) { return s.who != said::instructions; });
    for (const auto& s : all) {
        if (s.who == said::instructions) continue;
        if (!text.empty()) text += "\n\n";
        if (turns > 1) text += s.who == said::user ? "User: " : "Assistant: ";
        text += s.text;
    }
    return text;
}

// Turns as a program's own: what the user said as its input, what the assistant said as its output.
json::object history(const std::vector<said>& all, const std::string& input, const std::string& output) {
    json::array messages;
    json::object turn;
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
        if (all[i].who == said::instructions) continue;
        turn[all[i].who == said::user ? input : output] = all[i].text;
        if (all[i].who == said::assistant) messages.push_back(std::exchange(turn, {}));
    }
    if (!turn.empty()) messages.push_back(std::move(turn));
    return {{"messages", std::move(messages)}};
}

json::object object_in(const model_request& m) {
    auto names = json::serialize(m.program->program().input.as_object().contains("required")
                                     ? m.program->program().input.as_object().at("required")
                                     : json::value(json::array{}));
    try {
        auto v = parse_body(m.messages.back().text, 64);
        if (v.is_object()) return std::move(v.get_object());
    } catch (const bad_json&) {
    }
    throw model_refusal{
        400, "this model is a program with the inputs " + names + ": the user's last message is a JSON object of them",
        "messages", "invalid_input"};
}

// Outputs but what the model reasoned to get there.
std::vector<std::string> answers_of(const json::object& names) {
    std::vector<std::string> all;
    for (const auto& [name, v] : names)
        if (name != "reasoning" && name != "trajectory") all.emplace_back(name);
    return all;
}

}  // namespace

json::object input_of(const model_request& m) {
    const auto& p = m.program->program();
    const auto* properties = properties_of(p.input);
    json::object input;
    if (auto name = text_input(p); !name.empty()) {
        const auto output = text_output(p);
        const bool remembers = properties && properties->contains("history") && !output.empty();
        if (remembers) {
            input["history"] = history(m.messages, name, output);
            auto told = joined(m.messages, said::instructions);
            input[name] = (told.empty() ? "" : told + "\n\n") + m.messages.back().text;
        } else
            input[name] = transcript(m.messages);
    } else
        input = object_in(m);
    auto violations = m.program->violations_of(input);
    if (!violations.empty())
        throw model_refusal{400, "the inputs do not fit: " + to_string(violations), "messages", "invalid_input"};
    return input;
}

std::string text_output(const served_program& p) {
    auto* properties = properties_of(p.output);
    if (!properties) return {};
    auto names = answers_of(*properties);
    return names.size() == 1 && is_text(properties->at(names.front())) ? names.front() : std::string{};
}

std::string text_of(const model_request& m, const json::object& outputs) {
    auto names = answers_of(outputs);
    if (m.as_json || names.size() != 1) {
        json::object shown;
        for (const auto& name : names) shown[name] = outputs.at(name);
        if (m.shape)
            if (auto wrong = m.shape->validate(shown); !wrong.empty())
                throw model_refusal{422, "this model's outputs do not fit the schema: " + to_string(wrong),
                                    "response_format", "unfit_schema"};
        return dump_strict_json(shown);
    }
    const auto& v = outputs.at(names.front());
    std::string text = v.is_string() ? std::string{v.get_string()} : dump_strict_json(v);
    auto end = text.size();
    for (const auto& s : m.stop) end = std::min(end, text.find(s));
    return text.substr(0, end);
}

json::object body_of(const model_refusal& f) {
    json::object e{{"message", f.message},
                   {"type", f.status < 500 ? "invalid_request_error" : "server_error"},
                   {"param", nullptr},
                   {"code", nullptr}};
    if (!f.parameter.empty()) e["param"] = f.parameter;
    if (!f.code.empty()) e["code"] = f.code;
    return {{"error", std::move(e)}};
}

http_reply reply_of(const model_refusal& f) {
    http_reply reply{.status = f.status, .body = json::serialize(body_of(f))};
    return reply;
}

}  // namespace reagent::detail
