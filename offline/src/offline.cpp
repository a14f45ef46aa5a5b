#include <reagent/offline.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>

#include "planner.hpp"
#include "words.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

using namespace offline;

json::value value_for(const wanted_field& f, const conclusion& c) {
    auto fail = [&](const std::string& why) {
        return lm_error{lm_errc::invalid_request, "offline/demo cannot fill `" + f.name + "` (" + f.type + "): " + why +
                                                      " A real model can; see `reagent ask --help`."};
    };
    if (f.name == "reasoning") return json::value(json::string(c.reasoning));
    if (f.type == "str" || f.type.find("str, NoneType") != f.type.npos)
        return json::value(json::string(c.unknown ? c.reasoning : c.answer));
    if (c.unknown) throw fail(c.reasoning);
    if (f.type == "int" || f.type == "float") {
        auto n = only_number(c.answer);
        if (n.empty()) throw fail("\"" + c.answer + "\" does not hold one number.");
        return json::value(json::string(n));
    }
    if (f.type == "bool") return c.answer == "none" || c.answer == "0" ? "False" : "True";
    if (f.type.starts_with("list")) {
        json::array list;
        for (const auto& item : c.items.empty() ? std::vector<std::string>{c.answer} : c.items) list.emplace_back(item);
        return list;
    }
    throw fail("it only makes text, numbers and lists of text.");
}

std::string written(const prompt& p, const json::object& fields) {
    std::string text;
    if (p.format == answer_format::json) return dump_json(fields);
    for (const auto& [name, value] : fields) {
        std::string shown = value.is_structured() ? dump_json(value) : python_str(value);
        if (p.format == answer_format::xml) {
            std::string escaped;
            for (char ch : shown) escaped += ch == '<' ? "&lt;" : ch == '&' ? "&amp;" : std::string(1, ch);
            text += "<" + std::string{name} + ">" + escaped + "</" + std::string{name} + ">\n";
        } else
            text += "[[ ## " + std::string{name} + " ## ]]\n" + shown + "\n\n";
    }
    return p.format == answer_format::xml ? text : text + "[[ ## completed ## ]]";
}

class offline_backend final : public lm_backend {
public:
    std::string name() const override { return "offline/demo"; }

    task<lm_response> complete(lm_context, const lm_request& request) const override { co_return answer(request); }

private:
    static lm_response answer(const lm_request& request) {
        prompt p = read_prompt(request);
        auto next = next_step(p);
        lm_response r;
        r.model = "offline/demo";
        if (p.format == answer_format::native) {
            if (auto* call = std::get_if<next_call>(&next))
                r.text = call->thought, r.tool_calls.push_back({"call_" + std::to_string(p.past.size()), call->tool,
                                                                dump_json(call->arguments)});
            else
                r.text = as_thought(std::get<conclusion>(next)),
                r.tool_calls.push_back({"call_" + std::to_string(p.past.size()), "finish", "{}"});
            r.finish = finish_reason::tool_calls;
        } else if (p.wants("next_tool_name")) {
            json::object fields;
            if (auto* call = std::get_if<next_call>(&next))
                fields = {{"next_thought", call->thought},
                          {"next_tool_name", call->tool},
                          {"next_tool_args", call->arguments}};
            else
                fields = {{"next_thought", as_thought(std::get<conclusion>(next))},
                          {"next_tool_name", "finish"},
                          {"next_tool_args", json::object{}}};
            r.text = written(p, fields);
        } else {
            conclusion c;
            if (!p.past.empty())
                c = from_thought(p.past.back().thought);
            else if (auto* done = std::get_if<conclusion>(&next))
                c = *done;
            else
                c = {"I am offline/demo, a stand-in that follows rules, and without tools I can answer nothing.",
                     "",
                     {},
                     true};
            json::object fields;
            for (const auto& f : p.wanted) fields[f.name] = value_for(f, c);
            r.text = written(p, fields);
        }
        // About four characters a token: only so that usage is not zero.
        std::uint64_t characters = 0;
        for (const auto& m : request.messages) characters += m.content.size();
        r.usage = {1, characters / 4, r.text.size() / 4, {}};
        return r;
    }
};

}  // namespace

std::shared_ptr<const lm_backend> offline_demo() { return std::make_shared<offline_backend>(); }

}  // namespace reagent
