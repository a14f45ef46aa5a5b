#include <reagent/run/run.hpp>

#include <reagent/deadline.hpp>

#include "../pool.hpp"
#include "state.hpp"

#include <spdlog/spdlog.h>
#include <boost/json.hpp>

namespace reagent {
namespace {

// Requests are compared by what the model would have seen.
bool same_request(const lm_request& a, const lm_request& b) {
    if (a.messages != b.messages || a.tools.size() != b.tools.size()) return false;
    for (std::size_t i = 0; i < a.tools.size(); ++i)
        if (a.tools[i].name != b.tools[i].name) return false;
    return true;
}

std::uint64_t machine_seed() {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
}

void count(run::state& s, const lm_response& r) {
    s.usage += r.usage;
    s.by_model[r.model] += r.usage;
}

std::string place_text(std::string_view branch, std::string_view path, std::uint32_t occurrence) {
    std::string text = "\"" + std::string{path} + "\"";
    if (occurrence) text += ", call " + std::to_string(occurrence + 1);
    if (!branch.empty()) text += ", branch " + std::string{branch};
    return text;
}

std::string event_text(const event& e) {
    std::string what = e.kind == event_kind::model_call  ? "a model call"
                       : e.kind == event_kind::tool_call ? "a call of tool " + e.tool
                       : e.kind == event_kind::clock     ? "the time"
                                                         : "a random number";
    return what + " at " + place_text(e.branch, e.path, e.occurrence);
}

[[noreturn]] void mismatch(const event& asked, const std::string& how) {
    throw run_error{run_errc::replay_mismatch,
                    "replay: the program asks for " + event_text(asked) + ", " + how +
                        "; what a program does may depend on its inputs and on what goes through the run only",
                    {.attempted = "replaying a journal", .path = asked.path}};
}

}  // namespace

run::run(std::shared_ptr<state> s, std::string branch) : state_{std::move(s)}, branch_{std::move(branch)} {}

const run_options& run::options() const { return state_->options; }
const parameters* run::parameters() const {
    return variation_ && variation_->parameters ? variation_->parameters.get() : state_->options.parameters.get();
}
const journal& run::history() const { return *state_->history; }
usage run::usage() const { return state_->usage; }
const std::map<std::string, usage>& run::usage_by_model() const { return state_->by_model; }
http::client& run::http() { return *state_->http; }

std::chrono::microseconds run::elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - state_->started);
}

namespace {

// A run has few places; a linear search beats a map.
bool is_place(std::string_view place, event_kind kind, std::string_view path) {
    return place.size() == path.size() + 1 && place.back() == static_cast<char>('0' + static_cast<int>(kind)) && place.starts_with(path);
}

}  // namespace

std::uint32_t run::occurrence(event_kind kind, std::string_view path) {
    for (auto& [place, count] : occurrences_)
        if (is_place(place, kind, path)) return count++;
    occurrences_.emplace_back(std::string{path} + static_cast<char>('0' + static_cast<int>(kind)), 1);
    return 0;
}

std::uint32_t run::upcoming(event_kind kind, std::string_view path) const {
    for (const auto& [place, count] : occurrences_)
        if (is_place(place, kind, path)) return count;
    return 0;
}

event run::started(event_kind kind, std::string_view path, std::uint32_t n) const {
    event e{.kind = kind, .branch = branch_, .path = std::string{path}, .occurrence = n};
    e.started = elapsed();
    return e;
}

void run::record(event e) {
    auto& s = *state_;
    e.splits = static_cast<std::uint32_t>(branches_);
    s.history->append(std::move(e));
    if (s.history->bytes() > s.options.max_journal_bytes)
        throw run_error{run_errc::journal_full, "the run's journal has grown beyond " + std::to_string(s.options.max_journal_bytes) +
                                                    " bytes; raise run_options::max_journal_bytes or split the run"};
}

// What the journal answers. Without an answer the program is where no journal knows the way: from then on this handle lives.
std::optional<event> run::recorded(event_kind kind, std::string_view path, std::uint32_t n) {
    auto& s = *state_;
    if (live_ || (s.kept.empty() && !way_back_ && !s.options.replay)) return {};
    if (auto known = s.kept.take(kind, branch_, path, n)) {
        if (known->what.response && !known->counted) count(s, *known->what.response);
        return std::move(known->what);
    }
    event asked{.kind = kind, .branch = branch_, .path = std::string{path}, .occurrence = n};
    if (const event* next = s.kept.next(branch_)) mismatch(asked, "where the journal has " + event_text(*next));
    if (way_back_ && !way_back_->reached && way_back_->target.branch == branch_)
        mismatch(asked, "before it comes back to " + place_text(branch_, way_back_->target.path, way_back_->target.occurrence) +
                            ", which an assertion blames");
    if (s.options.replay && !s.options.lm && (kind == event_kind::model_call || kind == event_kind::tool_call))
        mismatch(asked, "which the journal does not hold, and the run has no language model to ask");
    go_live();
    return {};
}

void run::go_live() {
    live_ = true;
    rewinding_ = false;
}

namespace {

void log(spdlog::logger& to, const run_event& e) {
    auto ms = static_cast<double>(e.duration.count()) / 1000;
    bool failed = !e.error.empty();
    std::string branch = e.branch.empty() ? "" : "[" + std::string{e.branch} + "] ";
    auto level = failed ? spdlog::level::warn : spdlog::level::debug;
    if (e.kind == run_event::model_finished && e.response)
        to.log(level, "model call {}{}: {:.1f} ms, {} tokens, finish {}", branch, e.path, ms, e.response->usage.tokens(),
               to_string(e.response->finish));
    else if (e.kind == run_event::model_finished)
        to.log(level, "model call {}{}: {:.1f} ms, failed: {}", branch, e.path, ms, e.error);
    else if (e.kind == run_event::tool_finished)
        to.log(level, "tool call {}{} {}: {:.1f} ms{}{}", branch, e.path, e.tool, ms, failed ? ", failed: " : "", e.error);
    else if (e.kind == run_event::backtrack)
        to.log(level, "{}an assertion failed: back to {}", branch, e.path);
    else if (e.kind == run_event::note)
        to.log(level, "{}{}: {}", branch, e.path, e.error);
}

}  // namespace

void run::notify(run_event e) const {
    if (rewinding_) return;
    if (state_->logger) {
        e.branch = branch_;
        log(*state_->logger, e);
    }
    if (!state_->options.on_event) return;
    e.branch = branch_;
    state_->options.on_event(e);
}

void run::check() const {
    if (state_->cancelled) throw run_error{run_errc::cancelled, "the run was cancelled"};
}

namespace {

task<std::shared_ptr<const lm_response>> ask(const lm_backend& backend, lm_context context, const lm_request& request,
                                             const std::function<void(const lm_event&)>& on_event) {
    if (!on_event) {
        lm_response whole = co_await backend.complete(context, request);
        co_return std::make_shared<const lm_response>(std::move(whole));
    }
    auto stream = co_await backend.stream(context, request);
    while (auto e = co_await stream->next()) {
        on_event(*e);
        if (e->kind == lm_event::end) co_return e->response;
    }
    throw lm_error{lm_errc::unavailable, backend.name() + " ended its stream without an answer"};
}

}  // namespace

task<std::shared_ptr<const lm_response>> run::call_model(std::string path, language_model model, lm_request request,
                                                         std::function<void(const lm_event&)> on_event) {
    auto& s = *state_;
    check();
    before_effect();
    if (!model) model = s.options.lm;
    if (!request.rollout_id && !variation_) request.rollout_id = s.options.rollout_id;
    if (variation_) {
        if (!request.rollout_id) request.rollout_id = variation_->rollout_id + 4096 * s.options.rollout_id;
        request.sampling = variation_->sampling.or_else(request.sampling);
    }
    auto n = occurrence(event_kind::model_call, path);
    if (auto known = recorded(event_kind::model_call, path, n)) {
        if (!known->request || !same_request(*known->request, request))
            mismatch(*known, "but with other messages or tools than the journal has");
        auto response = known->response;
        std::string failed = known->error;
        record(std::move(*known));
        if (!failed.empty()) throw lm_error{lm_errc::unavailable, "replayed: " + failed};
        co_return response;
    }
    if (!model)
        throw run_error{run_errc::no_language_model,
                        "this run has no language model; pass one to runtime.run, as in language_model(\"openai/gpt-4o-mini\")"};
    const auto& limits = s.options.budget;
    if (s.calls_started >= limits.calls)
        throw run_error{run_errc::budget_calls, "the run's budget of " + std::to_string(limits.calls) + " model calls is used up"};
    if (limits.tokens && s.usage.tokens() >= *limits.tokens)
        throw run_error{run_errc::budget_tokens, "the run's budget of " + std::to_string(*limits.tokens) + " tokens is used up"};
    if (limits.dollars && s.usage.cost.value_or(0) >= *limits.dollars)
        throw run_error{run_errc::budget_cost, "the run's budget of " + std::to_string(*limits.dollars) + " dollars is used up"};
    ++s.calls_started;
    if (s.options.around) model = s.options.around(model);

    event e = started(event_kind::model_call, path, n);
    request.sampling = request.sampling.or_else(s.options.sampling);
    auto shared = std::make_shared<const lm_request>(std::move(request));
    e.request = shared;
    notify({.kind = run_event::model_started, .path = path, .request = shared.get()});
    std::exception_ptr failure;
    try {
        lm_context context{*s.http, s.deadline, s.blocking->get_executor()};
        e.response = co_await ask(*model.backend(), context, *shared, on_event);
    } catch (const boost::system::system_error& aborted) {
        check();
        if (aborted.code() == asio::error::operation_aborted) throw;  // a branch was given up: nothing has come of it
        e.error = aborted.what();
        failure = std::current_exception();
    } catch (const std::exception& what) {
        e.error = what.what();
        failure = std::current_exception();
    }
    e.duration = elapsed() - e.started;
    notify({.kind = run_event::model_finished,
            .path = path,
            .request = shared.get(),
            .response = e.response.get(),
            .error = e.error,
            .duration = e.duration});
    auto response = e.response;
    if (response) count(s, *response);
    record(std::move(e));
    if (failure) std::rethrow_exception(failure);
    co_return response;
}

task<json::value> run::call_tool(std::string path, std::string tool, json::value arguments, std::function<task<json::value>()> effect) {
    check();
    before_effect();
    auto n = occurrence(event_kind::tool_call, path);
    std::size_t inside = branches_++;
    if (auto known = recorded(event_kind::tool_call, path, n)) {
        if (known->tool != tool || known->arguments != arguments)
            mismatch(*known, "but with other arguments than the journal has, or another tool");
        for (auto& within : state_->kept.flush(branch_name(inside))) {  // what happened inside of the tool
            if (within.what.response && !within.counted) count(*state_, *within.what.response);
            state_->history->append(std::move(within.what));
        }
        json::value result = known->result;
        std::string error = known->error;
        record(std::move(*known));
        if (!error.empty()) throw std::runtime_error{error};
        co_return result;
    }
    event e = started(event_kind::tool_call, path, n);
    e.tool = tool;
    e.arguments = arguments;
    notify({.kind = run_event::tool_started, .path = path, .tool = tool, .arguments = &e.arguments});
    std::exception_ptr failure;
    try {
        e.result = co_await effect();
    } catch (const boost::system::system_error& aborted) {
        check();
        if (aborted.code() == asio::error::operation_aborted) throw;  // a branch was given up: nothing has come of it
        e.error = aborted.what();
        failure = std::current_exception();
    } catch (const std::exception& what) {
        e.error = what.what();
        failure = std::current_exception();
    } catch (const detail::backtrack&) {
        throw;
    } catch (...) {
        e.error = "the tool threw something that is no std::exception";
        failure = std::make_exception_ptr(std::runtime_error{e.error});
    }
    e.duration = elapsed() - e.started;
    notify({.kind = run_event::tool_finished,
            .path = path,
            .tool = tool,
            .arguments = &e.arguments,
            .result = &e.result,
            .error = e.error,
            .duration = e.duration});
    json::value result = e.result;
    record(std::move(e));
    if (failure) std::rethrow_exception(failure);
    co_return result;
}

std::shared_ptr<const prompt_template> run::prompt(const std::string& key,
                                                   const std::function<std::shared_ptr<const prompt_template>()>& make) {
    auto& slot = state_->prompts[variation_ ? variation_->parameters : nullptr][key];
    if (!slot) slot = make();
    return slot;
}

std::chrono::system_clock::time_point run::now(std::string_view path) {
    using namespace std::chrono;
    before_effect();
    auto n = occurrence(event_kind::clock, path);
    event e = started(event_kind::clock, path, n);
    if (auto known = recorded(event_kind::clock, path, n))
        e = std::move(*known);
    else
        e.result = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    auto time = system_clock::time_point{duration_cast<system_clock::duration>(microseconds{e.result.to_number<std::int64_t>()})};
    record(std::move(e));
    return time;
}

double run::random(std::string_view path) {
    before_effect();
    auto n = occurrence(event_kind::random, path);
    event e = started(event_kind::random, path, n);
    if (auto known = recorded(event_kind::random, path, n))
        e = std::move(*known);
    else {
        auto& generator = state_->random;
        if (!generator) generator.emplace(state_->options.seed ? state_->options.seed : machine_seed());
        e.result = static_cast<double>((*generator)() >> 11) * 0x1p-53;
    }
    double value = e.result.to_number<double>();
    record(std::move(e));
    return value;
}

task<json::value> run::blocking(std::function<json::value()> work) {
    return on_pool<json::value>(state_->blocking->get_executor(), std::move(work));
}

}  // namespace reagent
