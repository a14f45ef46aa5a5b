// What a run does to the world: models, tools, consent, the clock, random numbers. Each answers from the journal where
// that knows.
#include <reagent/run/consent.hpp>
#include <reagent/run/runtime.hpp>

#include "../base/redact.hpp"
#include "../base/text.hpp"
#include "../journal/replay_difference.hpp"
#include "../lm/decorators/spending.hpp"
#include "at_work.hpp"
#include "state.hpp"

#include <unistd.h>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

using detail::at_work;
using detail::difference;
using detail::event_text;
using detail::mismatch;

namespace {

std::uint64_t machine_seed() {
    std::uint64_t bits =
        0;  // a system call: std::random_device asks the processor first what it can, which virtual machines make slow
    if (::getentropy(&bits, sizeof bits) != 0) throw std::runtime_error{"the system has no random numbers"};
    return bits;
}

}  // namespace

namespace {

std::string random_run_name() {
    constexpr const char* digits = "0123456789abcdef";
    std::string name;
    for (auto bits = machine_seed(); name.size() < 16; bits >>= 4) name += digits[bits & 15];
    return name;
}

}  // namespace

const std::string& run_core::state::own_name() {
    if (name.empty()) name = log ? log->run_id() : random_run_name();
    return name;
}

void run_core::state::record_in_log(detail::journal_sink::content what) { log->append(elapsed(), std::move(what)); }

void run_core::state::consider_suspending() {
    // Later, when whatever goes on now has come to its next effect.
    asio::post(executor, [self = shared_from_this()] {
        auto& s = *self;
        if (s.finished || s.suspended || s.cancelled) return;
        if (s.cancel_wanted) return s.cancel_in_good_order();
        if (s.waiting.empty() || s.at_work > 0 || s.has_tool_at_work()) return;
        s.suspended = true;
        for (const auto& w : s.waiting) s.suspended_for.push_back(w.why);
        for (auto& [id, tool] : s.entered) {
            tool.reentered = true;
            s.record_in_log(tool);
        }
        s.signal.emit(asio::cancellation_type::terminal);
    });
}

bool run_core::state::has_tool_at_work() const {
    if (tools_at_work > 0) return true;
    return std::any_of(entered.begin(), entered.end(), [&](const auto& e) {
        const event& call = e.second.what;
        std::string inside = call.branch + (call.branch.empty() ? "" : ".") + std::to_string(call.splits - 1);
        return std::none_of(waiting.begin(), waiting.end(), [&](const auto& w) { return is_within(w.branch, inside); });
    });
}

void run_core::state::cancel_in_good_order() {
    cancel_wanted = true;
    draining = true;
    if (!finished && !suspended && !has_tool_at_work()) detail::cancel(shared_from_this());
}

// The run's work ends here, until somebody has decided.
task<void> run_core::park(run_status why, std::uint64_t id) {
    auto& s = *state_;
    auto mine = s.waiting.insert(s.waiting.end(), {branch_, why});
    struct leave {
        run::state& s;
        std::string branch;
        std::uint64_t id;
        ~leave() {
            std::erase_if(s.waiting, [&](const auto& w) { return w.branch == branch; });
            if (!s.suspended && !s.cancelled && id)
                s.record_in_log(effects_abandoned{{id}, false});  // nobody waits for it any more
        }
    } at_end{s, mine->branch, id};
    s.log->send();  // so that whoever decides sees it, while other branches are still at work
    s.consider_suspending();
    asio::steady_timer never{s.executor, clock::time_point::max()};
    co_await never.async_wait(asio::use_awaitable);
}

// What a durable run does before any effect.
task<void> run_core::begin_effect() {
    auto& s = *state_;
    if (s.draining) co_await park(run_status::ready, 0);
    co_await s.log->certain();
}

bool run_core::is_recording() const { return state_->log && !rewinding_; }

namespace {

// How older versions wrote what stands in prompts: a journal of theirs is answered from as if it had today's words.
constexpr std::pair<std::string_view, std::string_view> older_words[]{
    {R"({next_tool_args}  # JSON of schema {"anyOf": [{}, {"type": "null"}]})", "{next_tool_args}  # one JSON object"}};

bool is_same_in_todays_words(lm_request recorded, const lm_request& asked) {
    for (auto& m : recorded.messages)
        if (m.role == role::system)
            for (auto [before, now] : older_words) m.content = replace_all(m.content, before, now);
    return recorded_request{recorded}.is(asked, nullptr);
}

// What a journal keeps of a failure, and so what the program is told of it, now and whenever it comes by again: no
// secret.
std::exception_ptr without_secrets(const detail::known_secrets& secrets, event& e, std::exception_ptr failure) {
    std::string shown = secrets.without(e.error);
    if (shown == e.error) return failure;
    e.error = std::move(shown);
    if (e.error_code) return std::make_exception_ptr(lm_error{static_cast<lm_errc>(e.error_code), e.error});
    return std::make_exception_ptr(std::runtime_error{e.error});
}

// What an effect's aborted wait means, while its exception is being handled. @throws what ends the run or its branch
std::exception_ptr cut_off(const run_core::state& s, event& e, const boost::system::system_error& aborted,
                           bool given_up) {
    s.check();
    const bool own = aborted.code() != asio::error::operation_aborted;
    if (!own && given_up) throw;  // a branch was given up: nothing has come of it
    e.error = aborted.what();
    // What was aborted without us is a failure like others, and must not look like the end of a branch.
    return own ? std::current_exception() : std::make_exception_ptr(std::runtime_error{e.error});
}

task<std::shared_ptr<const lm_response>> stream(const lm_backend& backend, lm_context context,
                                                const lm_request& request,
                                                const std::function<void(const lm_event&)>& on_event) {
    auto stream = co_await backend.stream(context, request);
    while (auto e = co_await stream->next()) {
        on_event(*e);
        if (e->kind == lm_event::end) co_return e->response;
    }
    throw lm_error{lm_errc::unavailable, backend.name() + " ended its stream without an answer"};
}

// A call of a model that is made now. On the heap: a coroutine's frame of more than a kilobyte is allocated anew each
// time.
struct model_call {
    event e;
    language_model model;
    std::shared_ptr<const lm_request> request{};
    std::exception_ptr failure{};
    std::optional<decorators::spending::claim> claim{};

    void used(const diagnostics& d) {
        if (!d.prompt_tokens && !d.completion_tokens) return;
        e.used = {.calls = 1, .prompt_tokens = d.prompt_tokens, .completion_tokens = d.completion_tokens};
        e.used.cost = price_of(e.model, e.used);
    }

    // What a failure that is being handled means. @throws what ends the run or its branch
    void failed(const run_core::state& s, bool given_up) {
        try {
            throw;
        } catch (const boost::system::system_error& aborted) {
            failure = cut_off(s, e, aborted, given_up);
        } catch (const lm_error& refused) {
            e.error = refused.what();
            e.error_code = refused.code().value();
            used(refused.details());
            failure = std::current_exception();
        } catch (const http_error& broken) {
            e.error = broken.what();
            used(broken.details());
            failure = std::current_exception();
        } catch (const std::exception& what) {
            e.error = what.what();
            failure = std::current_exception();
        }
        failure = without_secrets(*s.secrets, e, failure);
    }
};

// Branches that ask at once do not pass a limit by more than one call.
task<void> admit(run_core::state& s, model_call& call) {
    const auto& limits = s.options.budget;
    if (!s.spending)
        s.spending = std::make_shared<decorators::spending>(
            spending_limit{.tokens = limits.tokens, .dollars = limits.dollars}, " of this run", s.usage);
    auto admitted = co_await s.spending->admit(s.deadline, call.model.name(), *call.request);
    call.claim.emplace(std::move(admitted));
}

void check_budget(const budget& limits, std::uint64_t calls, const usage& used) {
    if (calls >= limits.calls)
        throw run_error{run_errc::budget_calls,
                        "the run's budget of " + std::to_string(limits.calls) + " model calls is used up"};
    if (limits.tokens && used.tokens() >= *limits.tokens)
        throw run_error{run_errc::budget_tokens,
                        "the run's budget of " + std::to_string(*limits.tokens) + " tokens is used up"};
    if (limits.dollars && used.cost.value_or(0) >= *limits.dollars)
        throw run_error{run_errc::budget_cost,
                        "the run's budget of " + std::to_string(*limits.dollars) + " dollars is used up"};
}

// What is told where parts of an answer are left out; "": none is.
std::string left_out(const lm_response& response) {
    std::string types;
    for (const auto& type : response.unread_parts) types += (types.empty() ? "`" : ", `") + type + "`";
    return types.empty() ? types : "the answer has parts of types that are not known, which are left out: " + types;
}

}  // namespace

task<std::shared_ptr<const lm_response>> run_core::call_model(std::string path, language_model model,
                                                              lm_request request,
                                                              std::function<void(const lm_event&)> on_event) {
    auto given = std::make_shared<lm_request>(std::move(request));
    return call_model(
        std::move(path), std::move(model), [given] { return std::move(*given); }, {}, std::move(on_event));
}

task<std::shared_ptr<const lm_response>> run_core::call_model(std::string path, language_model model,
                                                              std::function<lm_request()> make,
                                                              std::function<std::string()> fingerprint,
                                                              std::function<void(const lm_event&)> on_event) {
    auto& s = *state_;
    s.check();
    before_effect();
    if (!model) model = s.options.lm;
    const auto n = occurrence(event_kind::model_call, path);
    // The steps between which nothing is waited for are functions: what they hold takes no room in the frame.
    auto answered = [&]() -> std::optional<std::shared_ptr<const lm_response>> {
        auto known = recorded(event_kind::model_call, path, n);
        if (!known) return {};
        if (known->request && !known->fingerprint.empty() && fingerprint && known->fingerprint == fingerprint())
            s.requests.remember(branch_, path, known->request, nullptr);
        else {
            auto asked = std::make_shared<const lm_request>(make());
            if (known->request && (s.requests.is_same(branch_, path, *known->request, *asked) ||
                                   is_same_in_todays_words(known->request->whole(), *asked)))
                s.requests.remember(branch_, path, known->request, asked);
            else {
                std::string how = known->request ? difference(known->request->whole(), *asked, *s.secrets->search())
                                                 : "the journal has no request there";
                if (!s.options.on_difference)
                    mismatch(*known, "but with other messages or tools than the journal has: " + how);
                s.options.on_difference(event_text(*known), how);
            }
        }
        auto response = known->response;
        if (response && known->request) s.private_to.learn(path, *response, !known->request->frame().tools.empty());
        std::string failed = known->error;
        auto code = known->error_code ? static_cast<lm_errc>(known->error_code) : lm_errc::unavailable;
        record(std::move(*known));
        if (!failed.empty()) throw lm_error{code, failed};
        return response;
    };
    if (auto response = answered()) co_return std::move(*response);
    auto prepared = [&] {
        if (!model)
            throw run_error{run_errc::no_language_model,
                            "this run has no language model; pass one to runtime.run, as in "
                            "language_model(\"openai/gpt-4o-mini\")"};
        check_budget(s.options.budget, s.calls_started, s.usage);
        lm_request request = make();
        if (!request.rollout_id && !variation_) request.rollout_id = s.options.rollout_id;
        if (variation_) {
            if (!request.rollout_id) request.rollout_id = variation_->rollout_id + 4096 * s.options.rollout_id;
            request.sampling = variation_->sampling.or_else(request.sampling);
        }
        ++s.calls_started;
        if (s.options.around) model = s.options.around(model);
        s.secrets->learn(model.backend());
        auto call = std::make_unique<model_call>();
        call->model = std::move(model);
        request.sampling = request.sampling.or_else(s.options.sampling);
        call->request = std::make_shared<const lm_request>(std::move(request));
        return call;
    };
    const auto call = prepared();
    if (s.options.budget.tokens || s.options.budget.dollars) co_await admit(s, *call);
    if (s.log) co_await begin_effect();
    at_work uninterrupted{s};

    auto begin = [&] {
        event& e = call->e;
        e = started(event_kind::model_call, path, n);
        if (fingerprint && s.keeps_fingerprints()) e.fingerprint = fingerprint();
        e.model = call->model.name();
        notify({.kind = run_event::model_started, .path = path, .request = call->request.get()});
    };
    begin();
    auto cancellation = co_await asio::this_coro::cancellation_state;
    auto before_retry = [&s] {
        check_budget(s.options.budget, s.calls_started, s.usage);
        ++s.calls_started;
    };
    auto context = [&] { return lm_context{*s.http, s.deadline, s.blocking->executor(), before_retry}; };
    auto streamed = [&] { return stream(*call->model.backend(), context(), *call->request, on_event); };
    auto whole = [&] { return call->model.backend()->complete(context(), *call->request); };
    try {
        if (on_event)
            call->e.response = co_await streamed();
        else
            call->e.response = std::make_shared<const lm_response>(co_await whole());
    } catch (...) {
        call->failed(s, cancellation.cancelled() != asio::cancellation_type::none);
    }
    auto end = [&] {
        event& e = call->e;
        e.duration = elapsed() - e.started;
        if (e.response) s.private_to.learn(path, *e.response, !call->request->tools.empty());
        notify({.kind = run_event::model_finished,
                .path = path,
                .request = call->request.get(),
                .response = e.response.get(),
                .error = e.error,
                .duration = e.duration});
        if (call->claim && e.response) call->claim->answered(*e.response);
        call->claim.reset();
        s.count(e);
        if (e.response)
            if (const auto what = left_out(*e.response); !what.empty())
                notify({.kind = run_event::note, .path = path, .error = what});
        e.id = s.next_id++;
        e.request = s.requests.record(branch_, path, std::move(call->request), e.id);
        auto response = e.response;
        record_fresh(std::move(e));
        return response;
    };
    auto response = end();
    if (s.log) co_await s.log->stored();
    if (call->failure) std::rethrow_exception(call->failure);
    co_return response;
}

// What becomes of a call that was under way when the last worker ended. @return whether somebody has said what came of
// it; else it is made, with the id that `e` has then; without one it is a further attempt, which a crash makes one to
// be asked about again
task<bool> run_core::settle_open(event& e, const effect_begun& before, tool_call_traits traits) {
    auto& s = *state_;
    if (before.what.tool != e.tool || before.what.arguments != e.arguments)
        mismatch(e,
                 "but when the last worker ended, a call of another tool or with other arguments was under way there");
    e.id = before.what.id;
    if (before.reentered || before.repeatable || traits.repeatable || traits.harmless) co_return false;
    auto asked = s.log->take_pending(e);
    if (!asked || !asked->decided) {
        s.unknown_call = "`" + visible_name(e.tool) + "`" +
                         (before.worker.empty() ? "" : " (worker " + before.worker + ": make sure that it has ended)");
        if (!asked) s.record_in_log(decision_wanted{e, {}});
        co_await park(run_status::outcome_unknown, e.id);
    }
    const run_decision& d = *asked->decided;
    if (d.kind == run_decision::repeat) {
        e.id = 0;
        co_return false;
    }
    if (d.kind == run_decision::happened)
        e.result = d.result;
    else
        e.error = d.text.empty() ? "it did not happen" : d.text;
    co_return true;
}

namespace {

// A call of a tool that is made now; on the heap, as a `model_call`.
struct tool_call_now {
    explicit tool_call_now(run_core::state& state) : s{state} {}
    // Of one that goes through the run itself and was stored as begun.
    ~tool_call_now() {
        leave();
        if (s.cancel_wanted) s.consider_suspending();
    }
    void leave() {
        if (entered) s.entered.erase(entered);
        entered = 0;
    }

    run_core::state& s;
    event e{};
    std::string key{};  // of a durable run
    std::optional<detail::tool_at_work> uninterrupted{};
    bool enters_run = false;
    std::uint64_t entered = 0;
    std::exception_ptr failure{};

    // What a failure that is being handled means. @throws what ends the run or its branch
    void failed(bool given_up) {
        try {
            throw;
        } catch (const boost::system::system_error& aborted) {
            failure = cut_off(s, e, aborted, given_up);
        } catch (const run_error& ended) {
            if (enters_run && ends_the_run(ended)) {  // not the tool: nothing has come of it
                will_be_reentered();
                throw;
            }
            e.error = ended.what();
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
        failure = without_secrets(*s.secrets, e, failure);
    }

private:
    static bool ends_the_run(const run_error& e) {
        const run_errc all[]{run_errc::budget_calls, run_errc::budget_tokens,   run_errc::budget_cost,
                             run_errc::journal_full, run_errc::replay_mismatch, run_errc::no_language_model};
        return std::ranges::any_of(all, [&](run_errc c) { return e.code() == c; });
    }
    // Whoever goes on with the run, with other limits or another program, comes by here again.
    void will_be_reentered() {
        const auto call = s.entered.find(entered);
        if (call == s.entered.end()) return;
        call->second.reentered = true;
        s.record_in_log(call->second);
    }
};

}  // namespace

task<json::value> run_core::call_tool(std::string path, std::string tool, json::value arguments,
                                      std::function<task<json::value>()> effect, tool_call_traits traits) {
    auto& s = *state_;
    s.check();
    before_effect();
    const auto n = occurrence(event_kind::tool_call, path);
    const std::size_t inside = branches_++;
    // As in `call_model`.
    auto answered = [&]() -> std::optional<json::value> {
        auto known = recorded(event_kind::tool_call, path, n);
        if (!known) return {};
        if (known->tool != tool || known->arguments != arguments) {
            auto secrets = s.secrets->search();
            auto shown = [&](const json::value& v) { return cut(json::serialize(detail::without(v, *secrets)), 200); };
            std::string how = "the journal has " + known->tool + " " + shown(known->arguments) + ", the program " +
                              tool + " " + shown(arguments);
            if (!s.options.on_difference || known->tool != tool)
                mismatch(*known, "but with other arguments than the journal has, or another tool: " + how);
            s.options.on_difference(event_text(*known), how);
        }
        for (auto& within : s.kept.flush(branch_name(inside))) {  // what happened inside of the tool
            if (!within.counted) s.count(within.what);
            s.history->append(std::move(within.what));
        }
        s.flow.meet(traits.flow, {tool, known->id, {}});  // a result of whatever origin lets in the same
        json::value result = known->result;
        std::string error = known->error;
        record(std::move(*known));
        if (!error.empty()) throw std::runtime_error{error};
        return result;
    };
    if (auto result = answered()) co_return std::move(*result);
    auto prepared = [&] {
        auto call = std::make_unique<tool_call_now>(s);
        call->e = started(event_kind::tool_call, path, n);
        call->e.tool = std::move(tool);
        call->e.arguments = std::move(arguments);
        call->e.flow = traits.flow;
        call->enters_run = traits.enters_run;
        return call;
    };
    const auto call = prepared();
    event& e = call->e;
    // What a durable run does before. @return whether the call is settled
    auto store_begin = [&]() -> task<bool> {
        auto before = s.log->take_open(e);
        if (before) {
            const bool settled = co_await settle_open(e, *before, traits);
            if (settled) co_return true;
        }
        if (s.draining) co_await park(run_status::ready, 0);
        const bool further_attempt = before && !e.id;
        if (!e.id) e.id = s.next_id++;
        if (before)
            call->key = before->key.empty() ? s.key_of(before->what.id) : before->key;
        else  // a run of this name may have been elsewhere, or before: its keys are others
            call->key = s.key_of(e.id) + (traits.harmless ? "" : "-" + random_run_name());
        effect_begun begun{e, traits.repeatable || traits.harmless, false, {}, call->key};
        s.log->hold_back();  // the end of the attempt before and the begin of this one are stored together, or neither
                             // is
        if (further_attempt) s.record_in_log(effects_abandoned{{before->what.id}, false});
        // From here on no suspension cuts it off.
        if (traits.enters_run) {
            call->entered = e.id;
            s.entered.emplace(e.id, begun);
        } else
            call->uninterrupted.emplace(s);
        if (!traits.harmless) {  // of what changes nothing nobody needs to know that it began
            s.record_in_log(std::move(begun));
            s.log->release();
            co_await s.log->stored();
        } else
            s.log->release();
        co_await s.log->certain();
        if (s.cancel_wanted) {  // since it was decided to make the call: it is not made
            call->leave();
            call->uninterrupted.reset();
            if (!traits.harmless) s.record_in_log(effects_abandoned{{e.id}, false});
            co_await park(run_status::ready, 0);
        }
        co_return false;
    };
    if (s.log) {
        const bool settled = co_await store_begin();
        if (settled) {
            json::value result = e.result;
            std::string failed = e.error;
            record_fresh(std::move(e));
            co_await s.log->stored();
            if (!failed.empty()) throw std::runtime_error{failed};
            co_return result;
        }
    } else
        e.id = s.next_id++;
    auto begin = [&] {
        effect_ = e.id;
        key_ = call->key;
        tool_ = e.tool;
        s.flow.meet(e.flow, {e.tool, e.id, {}});
        s.private_to.learn(path, e.arguments);
        notify({.kind = run_event::tool_started, .path = path, .tool = e.tool, .arguments = &e.arguments});
    };
    begin();
    auto cancellation = co_await asio::this_coro::cancellation_state;
    try {
        e.result = co_await effect();
        if (auto deep = too_deep(e.result); !deep.empty()) {
            e.result = nullptr;
            throw std::runtime_error{"what it returned " + deep};
        }
    } catch (...) {
        call->failed(cancellation.cancelled() != asio::cancellation_type::none);
    }
    auto end = [&] {
        e.duration = elapsed() - e.started;
        notify({.kind = run_event::tool_finished,
                .path = path,
                .tool = e.tool,
                .arguments = &e.arguments,
                .result = &e.result,
                .error = e.error,
                .duration = e.duration});
        json::value result = e.result;
        record_fresh(std::move(e));
        return result;
    };
    json::value result = end();
    if (s.log && !traits.harmless) co_await s.log->stored();
    if (call->failure) std::rethrow_exception(call->failure);
    co_return result;
}

std::chrono::system_clock::time_point run::now(std::string_view path) {
    using namespace std::chrono;
    before_effect();
    auto n = occurrence(event_kind::clock, path);
    event e = started(event_kind::clock, path, n);
    auto known = recorded(event_kind::clock, path, n);
    if (known)
        e = std::move(*known);
    else
        e.result = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    auto time = system_clock::time_point{
        duration_cast<system_clock::duration>(microseconds{e.result.to_number<std::int64_t>()})};
    if (known)
        record(std::move(e));
    else
        record_fresh(std::move(e));
    return time;
}

double run::random(std::string_view path) {
    before_effect();
    auto n = occurrence(event_kind::random, path);
    event e = started(event_kind::random, path, n);
    auto known = recorded(event_kind::random, path, n);
    if (known)
        e = std::move(*known);
    else {
        auto& generator = state_->random;
        if (!generator)
            generator = std::make_unique<std::mt19937_64>(state_->options.seed ? state_->options.seed : machine_seed());
        e.result = static_cast<double>((*generator)() >> 11) * 0x1p-53;
    }
    double value = e.result.to_number<double>();
    if (known)
        record(std::move(e));
    else
        record_fresh(std::move(e));
    return value;
}

}  // namespace reagent
