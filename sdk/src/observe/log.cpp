#include "log.hpp"

#include <reagent/error.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "../run/runtime_impl.hpp"

#include <spdlog/logger.h>
#include <boost/json.hpp>

namespace reagent::detail {
namespace {

constexpr std::size_t longest_value = 4'000;

class line {
public:
    line(run::state& s, std::string_view what) : state_{s}, text_{what} { add("run", s.secrets->without(s.own_name())); }

    line& add(std::string_view key, std::string_view value) {
        if (value.empty()) return *this;
        text_ += ' ';
        text_ += key;
        text_ += '=';
        bool plain = true;
        for (char c : value) plain = plain && static_cast<unsigned char>(c) > ' ' && c != '"' && c != '=';
        text_ += plain ? std::string{value} : json::serialize(json::value(json::string(value)));
        return *this;
    }
    line& add(std::string_view key, std::uint64_t n) { return add(key, std::to_string(n)); }
    line& add(std::string_view key, std::chrono::microseconds t) {
        auto tenths = (t.count() + 50) / 100;
        return add(key, std::to_string(tenths / 10) + "." + std::to_string(tenths % 10));
    }
    /// A text that somebody else wrote.
    line& foreign(std::string_view key, std::string_view text) { return add(key, cut(state_.private_to.shown(text), longest_value)); }
    line& foreign(std::string_view key, const std::string& path, const json::value& v) {
        return add(key, cut(json::serialize(state_.private_to.shown(path, v)), longest_value));
    }
    void write(spdlog::level::level_enum level) { state_.logger->log(level, "{}", text_); }

private:
    run::state& state_;
    std::string text_;
};

std::string_view name_of(run_event::kind_t kind) {
    switch (kind) {
        case run_event::model_finished: return "model_call";
        case run_event::tool_finished: return "tool_call";
        case run_event::backtrack: return "backtrack";
        case run_event::note: return "note";
        default: return {};
    }
}

// What went wrong may quote what a tool or a model said: contents, for level trace. A value that did not fit a private field has no name
// that it could be known by.
std::string told(run::state& s, const run_event& e) {
    bool contents = s.logger->should_log(spdlog::level::trace);
    if (e.kind == run_event::note && (!contents || !s.private_to.is_empty())) return without_quotes(e.error);
    if (e.kind == run_event::tool_finished && !contents && !e.error.empty()) return "it failed; its words stand in logs at level trace";
    return std::string{e.error};
}

}  // namespace

void log_event(run::state& s, const run_event& e) {
    auto name = name_of(e.kind);
    if (name.empty()) return;
    bool call = e.kind == run_event::model_finished || e.kind == run_event::tool_finished;
    auto level = e.error.empty() ? spdlog::level::debug : spdlog::level::warn;
    if (!s.logger->should_log(level)) return;
    std::string path{e.path};
    line l{s, name};
    l.add("branch", e.branch).add("path", path).add("tool", e.tool);
    if (e.response)
        l.foreign("model", e.response->model)  // a server's words
            .add("tokens", e.response->usage.tokens())
            .add("finish", to_string(e.response->finish))
            .foreign("request_id", e.response->request_id);
    if (call) l.add("ms", e.duration);
    if (e.kind == run_event::tool_finished && s.logger->should_log(spdlog::level::trace)) {
        if (e.arguments) l.foreign("arguments", path, *e.arguments);
        if (e.result && e.error.empty()) l.foreign("result", path, *e.result);
    }
    l.foreign("error", told(s, e));
    l.write(level);
}

void log_begin(run::state& s) {
    if (!s.logger || !s.logger->should_log(spdlog::level::info)) return;
    line l{s, "run_begins"};
    l.foreign("program", s.options.program).foreign("session", s.session).add("model", s.options.lm.name());
    if (s.log && s.log->hold().fence > 1) l.add("take", s.log->hold().fence);
    l.write(spdlog::level::info);
}

std::string questions_told(const run::state& s, bool contents) {
    std::string told = "a tool needs consent:";
    for (auto q : s.questions) {
        if (contents) {
            q.arguments = s.private_to.shown(q.path, q.arguments);
            q.why = s.private_to.shown(q.why);
            q.error = s.private_to.shown(q.error);
            told += "\n" + question_text(q, most_question_bytes, "reagent runs show " + shell_word(s.name));
        } else
            told += " `" + visible_name(q.tool) + "` (effect " + std::to_string(q.id) + ")";
    }
    return told;
}

std::string end_told(run::state& s, const std::exception_ptr& failure) {
    std::string error = text_of(failure);
    bool contents = s.logger && s.logger->should_log(spdlog::level::trace);
    if (s.suspended && !s.questions.empty() && s.unknown_call.empty()) return questions_told(s, contents);
    if (error.empty() || (contents && s.private_to.is_empty())) return error;
    try {
        std::rethrow_exception(failure);
    } catch (const lm_error&) {  // a server's words, and ours
        return error;
    } catch (const http_error&) {
        return error;
    } catch (const run_error& e) {
        return e.code() == run_errc::replay_mismatch ? without_quotes(error) : error;
    } catch (...) {
        return without_quotes(error);  // of a tool, or of an answer that did not fit
    }
}

void log_end(run::state& s, const std::exception_ptr& failure) {
    if (!s.logger) return;
    std::string error = end_told(s, failure);
    bool failed = !error.empty() && !s.suspended;
    auto level = failed ? spdlog::level::warn : spdlog::level::info;
    if (!s.logger->should_log(level)) return;
    line l{s, "run_ends"};
    l.foreign("program", s.options.program)
        .foreign("session", s.session)
        .add("status", s.suspended ? "suspended"
                       : failed    ? "failed"
                                   : "finished");
    l.add("ms", s.duration).add("calls", s.usage.calls).add("tokens", s.usage.tokens());
    if (s.usage.cost) l.add("dollars", std::to_string(*s.usage.cost));
    l.foreign("error", error);
    l.write(level);
}

void log_call(run::state& s, const predictor_call& c) {
    if (!s.logger || !s.logger->should_log(spdlog::level::trace)) return;
    line l{s, "predictor"};
    l.add("branch", c.place.branch).add("path", c.place.path);
    l.foreign("inputs", c.place.path, json::value(c.inputs)).foreign("outputs", c.place.path, json::value(c.outputs));
    l.write(spdlog::level::trace);
}

}  // namespace reagent::detail
