// A line for each thing that a run does, as NAME key=value ..., each with the run's id; a value with spaces, quotes or
// line ends is a JSON text. Levels: info: runs begin and end; debug: calls; trace: what went in and came out, without
// what is private; warn: what failed.
#include <reagent/error.hpp>
#include <reagent/run/run.hpp>
#include <reagent/run/run_observer.hpp>

#include "../base/text.hpp"
#include "../run/privacy.hpp"

#include <spdlog/logger.h>
#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::size_t longest_value = 4'000;

class line {
public:
    line(const observed_run& r, std::string_view what) : run_{r}, text_{what} { add("run", r.id()); }

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
    line& foreign(std::string_view key, std::string_view text) {
        return add(key, cut(run_.shown(text), longest_value));
    }
    line& foreign(std::string_view key, const std::string& path, const json::value& v) {
        return add(key, cut(json::serialize(run_.shown(path, v)), longest_value));
    }
    void write(spdlog::logger& to, spdlog::level::level_enum level) { to.log(level, "{}", text_); }

private:
    const observed_run& run_;
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

class log_lines final : public run_observer {
public:
    explicit log_lines(std::shared_ptr<spdlog::logger> logger) : logger_{std::move(logger)} {}

    void begins(const observed_run& r) override {
        if (!logger_->should_log(spdlog::level::info)) return;
        line l{r, "run_begins"};
        l.foreign("program", r.program()).foreign("session", r.session()).add("model", r.model());
        if (r.takes() > 1) l.add("take", r.takes());
        l.write(*logger_, spdlog::level::info);
    }

    void event(const observed_run& r, const run_event& e) override {
        auto name = name_of(e.kind);
        if (name.empty()) return;
        bool call = e.kind == run_event::model_finished || e.kind == run_event::tool_finished;
        auto level = e.error.empty() ? spdlog::level::debug : spdlog::level::warn;
        if (!logger_->should_log(level)) return;
        std::string path{e.path};
        line l{r, name};
        l.add("branch", e.branch).add("path", path).add("tool", e.tool);
        if (e.response)
            l.foreign("model", e.response->model)  // a server's words
                .add("tokens", e.response->usage.tokens())
                .add("finish", to_string(e.response->finish))
                .foreign("request_id", e.response->request_id);
        if (call) l.add("ms", e.duration);
        if (e.kind == run_event::tool_finished && shows_contents()) {
            if (e.arguments) l.foreign("arguments", path, *e.arguments);
            if (e.result && e.error.empty()) l.foreign("result", path, *e.result);
        }
        l.foreign("error", told(r, e));
        l.write(*logger_, level);
    }

    void predictor_returned(const observed_run& r, const predictor_call& c) override {
        if (!shows_contents()) return;
        line l{r, "predictor"};
        l.add("branch", c.place.branch).add("path", c.place.path);
        l.foreign("inputs", c.place.path, json::value(c.inputs))
            .foreign("outputs", c.place.path, json::value(c.outputs));
        l.write(*logger_, spdlog::level::trace);
    }

    void ends(const observed_run& r, const std::exception_ptr& failure) override {
        std::string error = r.told(failure, shows_contents());
        bool failed = !error.empty() && !r.is_suspended();
        auto level = failed ? spdlog::level::warn : spdlog::level::info;
        if (!logger_->should_log(level)) return;
        line l{r, "run_ends"};
        l.foreign("program", r.program()).foreign("session", r.session());
        l.add("status", r.is_suspended() ? "suspended" : failed ? "failed" : "finished");
        l.add("ms", r.duration()).add("calls", r.usage().calls).add("tokens", r.usage().tokens());
        if (r.usage().cost) l.add("dollars", std::to_string(*r.usage().cost));
        l.foreign("error", error);
        l.write(*logger_, level);
    }

    void message(level how, std::string_view text) override {
        logger_->log(how == level::debug  ? spdlog::level::debug
                     : how == level::info ? spdlog::level::info
                                          : spdlog::level::warn,
                     "{}", text);
    }

private:
    bool shows_contents() const { return logger_->should_log(spdlog::level::trace); }

    // What went wrong may quote what a tool or a model said: contents, for level trace. A value that did not fit a
    // private field has no name that it could be known by.
    std::string told(const observed_run& r, const run_event& e) const {
        if (e.kind == run_event::note && (!shows_contents() || r.has_private())) return detail::without_quotes(e.error);
        if (e.kind == run_event::tool_finished && !shows_contents() && !e.error.empty())
            return "it failed; its words stand in logs at level trace";
        return std::string{e.error};
    }

    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace

std::shared_ptr<run_observer> observer_of(std::shared_ptr<spdlog::logger> logger) {
    return std::make_shared<log_lines>(std::move(logger));
}

}  // namespace reagent
