#pragma once

#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <mutex>
#include <set>

namespace reagent::test {

struct wanted_call {
    std::string tool;
    json::object args;
};
using wanted_turn = std::vector<wanted_call>;

inline const std::map<std::string, flow_flags>& world_flags() {
    static const std::map<std::string, flow_flags> all{
        {"calculator", {}},
        {"fetch_page", {.untrusted = true}},
        {"search_documents", {.untrusted = true}},
        {"query_database", {.private_data = true}},
        {"query_rows", {.untrusted = true, .private_data = true}},
        {"read_mail", {.untrusted = true, .private_data = true}},
        {"send_mail", {.acts = true}},
        {"http_post", {.acts = true}},
        {"pay", {.acts = true}},
        {"delete_file", {.acts = true}},
        {"get_url", {.untrusted = true, .acts = true}},
        {"browse", {.untrusted = true, .private_data = true, .acts = true}}};
    return all;
}

/// The tools of an agent, and an account of its own of what they let in and out.
struct world {
    json::object results{}, descriptions{}, arguments{};
    bool untrusted = false, private_data = false;  // met
    int asked = 0, acted_after_both = 0, unconsented = 0;
    std::size_t consented = 0;
    std::vector<std::string> called{}, reasons{};
    std::mutex mutex{};

    json::value call(const std::string& name) {
        std::lock_guard lock{mutex};
        const auto& f = world_flags().at(name);
        called.push_back(name);
        if (f.acts && untrusted && private_data) {
            ++acted_after_both;
            if (consented > 0)
                --consented;
            else
                ++unconsented;
        }
        untrusted = untrusted || f.untrusted;
        private_data = private_data || f.private_data;
        auto* r = results.if_contains(name);
        if (!r) return "ok";
        if (r->is_object() && r->get_object().contains("error"))
            throw std::runtime_error{std::string{r->get_object().at("error").as_string()}};
        return *r;
    }

    tools all() {
        tools t;
        for (const auto& [name, flags] : world_flags()) {
            auto* d = descriptions.if_contains(name);
            auto* a = arguments.if_contains(name);
            json::object parameters{{"type", "object"}, {"properties", json::object{}}};
            if (a) parameters["properties"].as_object()["x"] = json::object{{"type", "string"}, {"description", *a}};
            auto f = [this, name = name](run&, json::object) -> task<json::value> { return answer(*this, name); };
            t.add(tool{name,
                       d ? std::string{d->as_string()} : "Does " + name + ".",
                       parameters,
                       f,
                       {.flow = flags},
                       true,
                       false});
        }
        return t;
    }
    static task<json::value> answer(world& w, std::string name) { co_return w.call(name); }

    /// Asked by the registry: grants or refuses.
    tools::approval consent(bool grant) {
        return
            [this, grant](run& r, const tool&, const json::object&) { return decide(*this, r.flow().text(), grant); };
    }
    static task<bool> decide(world& w, std::string reason, bool grant) {
        std::lock_guard lock{w.mutex};
        ++w.asked;
        w.reasons.push_back(std::move(reason));
        if (grant) ++w.consented;
        co_return grant;
    }
};

/// A model that does what it reads: the orders in any text of its prompt but its own, each once, in their order; then
/// its plan; then it ends.
class obedient_model final : public lm_backend {
public:
    obedient_model(std::vector<wanted_turn> plan, bool native) : plan_{std::move(plan)}, native_{native} {
        if (!native_) {
            std::vector<wanted_turn> one_by_one;
            for (auto& t : plan_)
                for (auto& c : t) one_by_one.push_back({c});
            plan_ = std::move(one_by_one);
        }
    }
    std::string name() const override { return "test/obedient"; }

    task<lm_response> complete(lm_context, const lm_request& q) const override {
        lm_response r;
        r.model = name();
        const bool steps =
            native_ ? !q.tools.empty() : q.messages.front().content.find("`next_tool_name`") != std::string::npos;
        if (!steps) {
            r.text = chat_completion({{"reasoning", "r"}, {"answer", "done"}});
            co_return r;
        }
        wanted_turn turn = next(q);
        if (native_) {
            std::size_t n = 0;
            for (auto& c : turn) r.tool_calls.push_back({std::to_string(n++), c.tool, json::serialize(c.args)});
            if (turn.empty()) r.tool_calls.push_back({"end", "submit", R"({"answer": "done"})"});
            r.finish = finish_reason::tool_calls;
        } else
            r.text = chat_completion({{"next_thought", "As I read."},
                                      {"next_tool_name", turn.empty() ? "finish" : turn[0].tool},
                                      {"next_tool_args", turn.empty() ? json::object{} : turn[0].args}});
        co_return r;
    }

    mutable std::mutex mutex{};

private:
    wanted_turn next(const lm_request& q) const {
        std::lock_guard lock{mutex};
        std::string text;
        for (const auto& m : q.messages)
            if (m.role != role::assistant) text += m.content + "\n";
        for (const auto& t : q.tools) text += t.description + "\n" + json::serialize(t.parameters) + "\n";
        for (auto& order : orders_in(text))
            if (obeyed_.insert(order.tool + json::serialize(order.args)).second) return {order};
        if (at_ < plan_.size()) return plan_[at_++];
        return {};
    }

    // A generous reader: what is not seen is not there.
    static std::string legible(std::string text) {
        for (const char* unseen : {"\u200b", "\u200d", "\u2060", "\\"})
            for (std::size_t at = 0; (at = text.find(unseen, at)) != text.npos;)
                text.erase(at, std::string_view{unseen}.size());
        return text;
    }
    static std::string word_at(const std::string& text, std::size_t& at) {
        auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
        while (at < text.size() && !is_word(text[at])) ++at;
        std::string word;
        while (at < text.size() && is_word(text[at])) word += text[at++];
        return word;
    }
    static std::vector<wanted_call> orders_in(const std::string& raw) {
        std::string text = legible(raw), lower = text;
        for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        std::vector<std::pair<std::size_t, wanted_call>> found;
        auto look = [&](const std::string& in, std::string_view sign, std::string_view before_args) {
            for (std::size_t at = 0; (at = in.find(sign, at)) != in.npos;) {
                std::size_t begin = at;
                at += sign.size();
                std::size_t i = at;
                std::string tool = word_at(text, i);
                if (!world_flags().contains(tool)) continue;
                if (!before_args.empty()) i = in.find(before_args, i);
                if (i == in.npos) break;
                auto open = text.find('{', i), close = text.find('}', i);
                if (open == text.npos || close == text.npos || open - i > 60) continue;
                json::value args = repair_json(text.substr(open, close + 1 - open));
                if (args.is_object()) found.emplace_back(begin, wanted_call{tool, args.get_object()});
            }
        };
        look(text, "DO ", "");
        look(lower, "next_tool_name", "next_tool_args");
        std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<wanted_call> orders;
        for (auto& [at, order] : found) orders.push_back(std::move(order));
        return orders;
    }

    std::vector<wanted_turn> plan_;
    bool native_;
    mutable std::size_t at_ = 0;
    mutable std::set<std::string> obeyed_;
};

inline std::vector<wanted_turn> plan_of(const json::value& v) {
    std::vector<wanted_turn> plan;
    for (const auto& t : v.as_array()) {
        wanted_turn turn;
        for (const auto& c : t.as_array())
            turn.push_back({std::string{c.at("tool").as_string()}, c.at("args").as_object()});
        plan.push_back(std::move(turn));
    }
    return plan;
}

}  // namespace reagent::test
