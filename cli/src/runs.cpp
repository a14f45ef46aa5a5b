// Durable runs: what there is, what waits for somebody, and how it goes on.
#include "runs.hpp"
#include "interruption.hpp"

#include <reagent/observe/trace.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <pwd.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

namespace reagent::cli {
namespace {

struct runs_options {
    std::string journals, id, status, program, session, arguments, result, failed, reason, new_id, lm, api_base, saved,
        by, seen, lifetime;
    std::size_t limit = 50, concurrency = 16;
    std::uint64_t effect = 0, records = 0;
    bool latest = false, json = false, repeat = false, until_idle = false, whole = false, force = false;
    std::optional<std::string> tools;
};

CLI::Validator lifetime() {
    return CLI::Validator{[](const std::string& value) {
                              try {
                                  lifetime_named(value);
                                  return std::string{};
                              } catch (const run_error& e) {
                                  return std::string{e.what()};
                              }
                          },
                          "", "lifetime"};
}

std::string seconds_text(std::chrono::microseconds t) {
    std::ostringstream s;
    s << std::fixed << std::setprecision(2) << static_cast<double>(t.count()) / 1e6 << " s";
    return s.str();
}

std::string status_text(const terminal& t, run_status s) {
    std::string name{to_string(s)};
    if (s == run_status::finished) return t.green(name);
    if (s == run_status::failed || s == run_status::outcome_unknown) return t.red(name);
    if (s == run_status::awaiting_approval) return t.bold(name);
    return name;
}

std::string one_line(const json::value& v, std::size_t limit) {
    std::string text = v.is_structured() ? dump_json(v) : python_str(v);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return shortened(visible(text), limit);
}

// Who consents means one thing: what stands twice, or is JSON for some readers only, is refused.
json::value strict_json(const std::string& text, const char* option) {
    boost::system::error_code ec;
    auto v = json::parse(text, ec);
    if (ec) throw misuse{std::string{option} + " holds no JSON: " + ec.message()};
    if (auto twice = repeated_key(text); !twice.empty())
        throw misuse{std::string{option} + " has the key " + visible_name(twice) +
                     " twice in one object; which of them counts? Nothing is decided"};
    return v;
}

json::object parsed_object(const std::string& text, const char* option) {
    auto v = strict_json(text, option);
    if (!v.is_object()) throw misuse{std::string{option} + " takes a JSON object, as '{\"amount\": 3}'"};
    return v.get_object();
}

int list(const runs_options& o) {
    auto store = open_journals(o.journals);
    run_filter filter{.program = o.program, .session = o.session, .most = o.limit};
    if (!o.status.empty()) filter.status = run_status_named(o.status);
    auto all = store->list(filter);
    if (o.json) {
        json::array rows;
        for (const auto& r : all) rows.push_back(to_json(r));
        std::cout << shown_json(rows) << "\n";
        return 0;
    }
    if (all.empty()) {
        std::cout << "There are no such runs.\n";
        return 0;
    }
    terminal t;
    std::size_t width = 4;
    for (const auto& r : all) width = std::max(width, std::min<std::size_t>(visible_name(r.id).size(), 60));
    std::cout << t.dim("run" + std::string(width - 3, ' ') + "  status            changed" +
                       std::string(time_text(all[0].updated).size() - 7, ' ') +
                       "     worked  calls      program  inputs, or what went wrong")
              << "\n";
    for (const auto& r : all) {
        std::string status{to_string(r.status)};
        std::cout << std::left << std::setw(static_cast<int>(width)) << visible_name(r.id) << "  "
                  << status_text(t, r.status) << std::string(status.size() < 18 ? 18 - status.size() : 1, ' ')
                  << time_text(r.updated) << "  " << std::right << std::setw(9) << seconds_text(r.active) << "  "
                  << std::setw(3) << r.usage.calls << " calls  " << visible_name(r.program) << "  "
                  << t.dim(one_line(r.error.empty() ? json::value(r.inputs) : json::value(json::string(r.error)), 80))
                  << "\n";
    }
    return 0;
}

constexpr std::size_t most_shown = 16 * 1024;  // bytes of a pending call's arguments

json::object pending_json(const pending_decision& p) {
    const auto& e = p.wanted.what;
    json::object o{{"effect", e.id},     {"kind", e.kind == event_kind::approval ? "approval" : "outcome_unknown"},
                   {"tool", e.tool},     {"arguments", e.arguments},
                   {"digest", p.digest}, {"decided", p.decided.has_value()}};
    if (!e.error.empty()) o["asked_again"] = e.error;
    if (!e.why.empty()) o["why"] = e.why;
    if (!p.decided) return o;
    o["approved"] = p.decided->kind == run_decision::approve;
    if (!p.decided->by.empty()) o["by"] = p.decided->by;
    if (p.decided->at.count()) o["at_ms"] = p.decided->at.count();
    return o;
}

void print_pending(const terminal& t, const pending_decision& p, const std::string& id, bool whole = false) {
    const auto& e = p.wanted.what;
    bool approval = e.kind == event_kind::approval;
    std::string name = shell_word(id), effect = std::to_string(e.id);
    std::cout << t.bold(approval ? "waits for consent" : "outcome unknown") << ": effect " << effect << ", "
              << question_text(e, whole ? SIZE_MAX : most_shown,
                               naming_journals("reagent runs show " + name + " --whole"))
              << "\n"
              << t.dim("  digest " + p.digest) << "\n";
    if (p.decided) {
        bool yes = p.decided->kind != run_decision::reject && p.decided->kind != run_decision::failed;
        std::cout << "  decided, and not continued yet: " << decision_text(yes, p.decided->by, p.decided->at) << "\n";
        if (p.decided->arguments)
            std::cout << "  with these arguments instead: " << visible_json(json::value(*p.decided->arguments)) << "\n";
    } else if (approval)
        std::cout << naming_journals("  reagent runs approve " + name + " --effect " + effect + " --seen " +
                                     p.digest.substr(0, 12) + " [--arguments JSON]   or   reagent runs reject " + name +
                                     " --effect " + effect + " --reason TEXT\n");
    else
        std::cout << naming_journals("  reagent runs resume " + name +
                                     " --happened RESULT   or   --failed REASON   or   --repeat\n");
}

// Of a run that is over: nobody waits any more.
void print_unused(const terminal& t, const pending_decision& p, run_status ended) {
    const auto& e = p.wanted.what;
    bool yes = p.decided && p.decided->kind != run_decision::reject && p.decided->kind != run_decision::failed;
    std::cout << t.dim("effect " + std::to_string(e.id) + ", " + visible_name(e.tool) + ": " +
                       (p.decided ? decision_text(yes, p.decided->by, p.decided->at) + ", and " : "not decided, and ") +
                       "the run was " + std::string{to_string(ended)} + " before the call")
              << "\n";
}

std::string flags_text(flow_flags f) {
    std::string text;
    for (const auto& name : to_json(f))
        text += (text.empty() ? "" : " + ") + std::string{std::string_view{name.as_string()}};
    return text;
}

std::set<std::uint64_t> undone_by_backtracks(const std::vector<journal_record>& records) {
    std::set<std::uint64_t> ids;
    for (const auto& r : records)
        if (auto* a = std::get_if<effects_abandoned>(&r.what); a && a->backtrack)
            ids.insert(a->ids.begin(), a->ids.end());
    return ids;
}

json::object shown_whole(const stored_run& r, const std::vector<pending_decision>& pending,
                         const std::vector<span>& spans) {
    json::object all = to_json(r);
    json::array waiting;
    for (const auto& p : pending) waiting.push_back(pending_json(p));
    all["pending"] = std::move(waiting);
    all["trace"] = to_json(spans, {}, true).at("spans");
    return all;
}

void print_head(const terminal& t, const stored_run& r) {
    std::cout << t.bold(visible_name(r.id)) << "  " << status_text(t, r.status) << "  " << visible_name(r.program)
              << "\n";
    std::cout << t.dim("created " + time_text(r.created) + ", changed " + time_text(r.updated) + ", worked on for " +
                       seconds_text(r.active) + ", taken up " + std::to_string(r.takes) +
                       (r.takes == 1 ? " time" : " times") + ", " + std::to_string(r.records) + " records")
              << "\n";
    if (!r.parent.empty()) std::cout << t.dim("forked from " + visible_name(r.parent)) << "\n";
    if (!r.worker.empty()) std::cout << t.dim("worker " + visible_name(r.worker)) << "\n";
    std::cout << "inputs   " << one_line(r.inputs, 600) << "\n";
    if (r.outputs) std::cout << "outputs  " << one_line(*r.outputs, 600) << "\n";
    if (!r.error.empty())
        std::cout << "error    " << t.red(indented(naming_journals(printable(r.error)), "         ")) << "\n";
}

std::string effect_text(const event& e) {
    std::string text;
    if (e.kind == event_kind::tool_call) text += " " + one_line(e.arguments, 60);
    if (e.kind == event_kind::approval && e.result.is_object()) {
        auto d = approval_decision_from_json(e.result);
        text += ", " + decision_text(d.approved, d.by, d.at);
        if (d.arguments) text += ", with these arguments instead: " + one_line(*d.arguments, 200);
    }
    if (e.response) text += ", " + std::to_string(e.response->usage.tokens()) + " tokens";
    if (e.flow.any()) text += ", " + flags_text(e.flow);
    if (!e.why.empty()) text += ", because " + visible(e.why);
    return text;
}

void print_spans(const terminal& t, const std::vector<span>& all, const std::set<std::uint64_t>& backtracked) {
    std::vector<std::size_t> depth(all.size());
    for (std::size_t i = 1; i < all.size(); ++i) {
        const auto& s = all[i];
        depth[i] = depth[s.parent] + 1;
        std::string line =
            std::string(2 * depth[i] - 2, ' ') + std::string{to_string(s.kind)} + " " + visible_name(s.name);
        if (s.effect) line += effect_text(*s.effect);
        if (s.open) line += ", not finished";
        if (s.abandoned)
            line += backtracked.contains(s.effect ? s.effect->id : 0) ? ", undone by a backtrack"
                                                                      : ", not counted any more";
        if (!s.error.empty()) line += ": " + one_line(json::value(json::string(s.error)), 100);
        std::cout << std::right << std::setw(10) << seconds_text(s.start) << "  " << std::setw(8)
                  << seconds_text(s.duration) << "  " << (s.error.empty() ? line : t.red(line))
                  << (s.effect ? t.dim("  #" + std::to_string(s.effect->id)) : "") << "\n";
    }
}

int show(const runs_options& o) {
    auto store = open_journals(o.journals);
    auto r = store->get(o.id);
    auto records = store->records(o.id);
    auto pending = store->pending(o.id);
    auto spans = trace_of(records, r.program);
    if (o.json) {
        std::cout << shown_json(shown_whole(r, pending, spans)) << "\n";
        return 0;
    }
    terminal t;
    print_head(t, r);
    if (auto met = met_in(spans).text(); !met.empty()) std::cout << "met      " << visible(met) << "\n";
    print_spans(t, spans, undone_by_backtracks(records));
    if (records.size() < r.records)
        std::cout << t.red("its journal is not whole: " + std::to_string(records.size()) + " of " +
                           std::to_string(r.records) + " records are there; `" +
                           naming_journals("reagent runs resume " + shell_word(r.id)) + "` says what can be done")
                  << "\n";
    const bool over =
        r.status == run_status::finished || r.status == run_status::failed || r.status == run_status::cancelled;
    for (const auto& p : pending)
        if (over)
            print_unused(t, p, r.status);
        else
            print_pending(t, p, r.id, o.whole);
    return 0;
}

int after_decision(journal_store& store, const std::string& id) {
    auto r = store.get(id);
    std::cout << "run " << visible_name(id) << " is " << to_string(r.status)
              << (r.status == run_status::ready
                      ? "; a worker will take it up, or: " + naming_journals("reagent runs resume " + shell_word(id))
                      : "")
              << "\n";
    return 0;
}

// Who is logged in here, by the system and not by a variable.
std::string user_name() {
    const passwd* user = ::getpwuid(::getuid());
    return user && user->pw_name ? user->pw_name : "user " + std::to_string(::getuid());
}

std::string decided_by(const runs_options& o) { return o.by.empty() ? user_name() : o.by; }

struct named_call {
    std::uint64_t effect = 0;
    std::string digest{};
};

// A digest's beginning is enough to name it.
named_call call_seen(journal_store& store, const runs_options& o) {
    if (o.seen.size() >= 12)
        for (const auto& p : store.pending(o.id))
            if (p.digest.starts_with(o.seen) && (!o.effect || o.effect == p.wanted.what.id))
                return {p.wanted.what.id, p.digest};
    return {o.effect, o.seen};
}

bool says_yes() {
    std::cout << "Is this call to be made? [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

// Who names no call is shown the one that waits, and asked: it may be another than the one that was looked at.
// @return nothing: it was not approved
std::optional<named_call> call_shown(journal_store& store, const runs_options& o) {
    std::vector<pending_decision> open;
    for (auto& p : store.pending(o.id))
        if (!p.decided && p.wanted.what.kind == event_kind::approval) open.push_back(std::move(p));
    if (open.size() != 1) return named_call{};  // which is refused with the reason
    const auto& p = open.front();
    std::string effect = std::to_string(p.wanted.what.id);
    if (!::isatty(STDIN_FILENO) || !::isatty(STDOUT_FILENO))
        throw misuse{"say which call you have seen, as another may wait by now: `reagent runs show " +
                     shell_word(o.id) + "` shows it, and then --effect " + effect + " or --seen " +
                     p.digest.substr(0, 12) + " approves that one; --latest approves whatever waits"};
    std::cout << "effect " << effect << ", "
              << question_text(p.wanted.what, most_shown,
                               naming_journals("reagent runs show " + shell_word(o.id) + " --whole"))
              << "\n  digest " << p.digest << "\n";
    if (!o.arguments.empty())
        std::cout << "  with these arguments instead: "
                  << visible_json(json::value(parsed_object(o.arguments, "--arguments"))) << "\n";
    if (!says_yes()) return {};
    return named_call{p.wanted.what.id, p.digest};
}

int decide(const runs_options& o, run_decision::kind_t kind) {
    run_decision d{.kind = kind, .text = o.reason, .by = decided_by(o)};
    if (!o.arguments.empty()) d.arguments = parsed_object(o.arguments, "--arguments");
    auto store = open_journals(o.journals, journal_access::existing);
    named_call call = call_seen(*store, o);
    if (kind == run_decision::approve && o.seen.empty() && !o.effect && !o.latest) {
        auto shown = call_shown(*store, o);
        if (!shown) {
            std::cout << "nothing is decided\n";
            return 1;
        }
        call = *shown;
    }
    d.digest = call.digest;
    store->decide(o.id, call.effect, d);
    return after_decision(*store, o.id);
}

// A worker's name is host:process:random, unless its program gives it another. @return whether its process is known to
// have ended
bool has_ended(const std::string& worker) {
    char host[256] = "host";
    ::gethostname(host, sizeof host - 1);
    std::string here = std::string{host} + ":";
    if (!worker.starts_with(here)) return false;
    auto process = std::atol(worker.c_str() + here.size());
    return process > 0 && ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
}

std::string cancelled_text(const stored_run& r) {
    std::string run = "run " + visible_name(r.id);
    if (r.status == run_status::cancelled)
        return run + " is cancelled" + (r.error.empty() ? "" : ": " + printable(r.error));
    if (r.status != run_status::running) return run + " is " + std::string{to_string(r.status)};
    std::string again = "`" + naming_journals("reagent runs cancel " + shell_word(r.id)) + "`";
    if (has_ended(r.worker))
        return run +
               " is not cancelled yet: its worker has ended, and its lease still holds. Whoever takes the run up ends "
               "it; " +
               again + " does when the lease is over, after 30 seconds or what the worker was started with";
    return run + " will be cancelled by its worker " + visible_name(r.worker) +
           " at its next effect, and a call of a tool that is at work comes to its end first; should that worker have "
           "ended, by " +
           again + " when its lease is over";
}

void tell_halted(journal_store& store, const stored_run& r, bool as_json) {
    if (as_json) {
        std::cout << shown_json(to_json(r)) << "\n";
        return;
    }
    terminal t;
    std::cout << "run " << visible_name(r.id) << " is " << status_text(t, r.status) << "\n";
    if (r.outputs)
        for (const auto& [name, v] : *r.outputs)
            std::cout << t.bold(visible_name(name)) << ": " << answer_text(v, false) << "\n";
    if (!r.error.empty()) std::cout << t.red(indented(naming_journals(printable(r.error)), "  ")) << "\n";
    if (r.status == run_status::cancelled)
        std::cout << naming_journals("  it does not go on; a new run may, from what it did: reagent runs fork " +
                                     shell_word(r.id))
                  << "\n";
    for (const auto& p : store.pending(r.id)) print_pending(t, p, r.id);
}

// Whether nothing can go on before somebody decides.
bool is_waiting(journal_store& store, const stored_run& r) {
    if (r.status != run_status::awaiting_approval && r.status != run_status::outcome_unknown) return false;
    auto pending = store.pending(r.id);
    return std::any_of(pending.begin(), pending.end(), [](const auto& p) { return !p.decided; });
}

int resume(const runs_options& o, const cli_program* own) {
    interruption watch;
    auto store = open_journals(o.journals, journal_access::existing);
    run_decision d{.by = decided_by(o)};
    int ways = o.repeat + !o.result.empty() + !o.failed.empty();
    if (ways > 1) throw misuse{"--happened, --failed and --repeat exclude each other"};
    if (ways == 1) {
        d.kind = o.repeat ? run_decision::repeat : !o.result.empty() ? run_decision::happened : run_decision::failed;
        if (parse_json(o.result) && !o.result.empty())
            d.result = strict_json(o.result, "--happened");
        else
            d.result = json::value(json::string(o.result));
        d.text = o.failed;
        store->decide(o.id, o.effect, d);
    }
    auto before = store->get(o.id);
    if (ways == 0 && (is_waiting(*store, before) || before.status == run_status::finished ||
                      before.status == run_status::cancelled)) {
        if (before.status == run_status::finished)
            std::cerr << naming_journals("run " + visible_name(o.id) + " is finished already; `reagent runs show " +
                                         shell_word(o.id) + "`\n");
        tell_halted(*store, before, o.json);
        return exit_code(before.status);
    }
    runtime rt{runtime_options_for(store)};
    serve_program(rt, own, as_started(*store, before, {o.lm, o.api_base, o.saved, lifetime_named(o.lifetime)}),
                  &before);
    if (o.force && before.status == run_status::running)
        std::cerr << "taking run " << visible_name(o.id) << " from worker " << visible_name(before.worker)
                  << ": what that one stores from now on is refused, but a tool that is at work in it may still act. "
                     "See that its process "
                     "has ended, above all before you say --repeat.\n";
    watch.lets_go(store, o.id);
    auto r = o.force ? rt.resume_by_force(o.id) : rt.resume(o.id);
    watch.over();
    tell_halted(*store, r, o.json);
    return exit_code(r.status);
}

// Says what is wrong with a store, and that it is over; once each.
std::function<void(const std::string&)> tell_trouble() {
    auto last = std::make_shared<std::string>();
    return [last, both = std::make_shared<std::mutex>()](const std::string& what) {
        std::lock_guard lock{*both};
        if (*last == what) return;
        *last = what;
        std::cerr << (what.empty() ? "the journals work again" : visible(what) + "; trying again until it works")
                  << std::endl;
    };
}

// A database that is away or locked is waited for, until a signal comes; what waiting does not help is an error.
std::shared_ptr<journal_store> open_for_worker(const std::string& where,
                                               const std::function<void(const std::string&)>& tell,
                                               const sigset_t& signals) {
    for (;;) {
        auto may_pass = std::make_shared<std::atomic<bool>>(false);
        auto heard = [may_pass, tell](const std::string& what) {
            if (!what.empty()) *may_pass = true;
            tell(what);
        };
        try {
            return open_journals(where, journal_access::existing, {.on_trouble = heard});
        } catch (const run_error& e) {
            timespec now{};
            if (!*may_pass || ::sigtimedwait(&signals, nullptr, &now) > 0) throw;
        }
    }
}

// The model, adapter and saved program that the oldest run was started with of those that are not over; others are
// refused.
model_choice model_of_waiting(const std::shared_ptr<journal_store>& store, const runs_options& o,
                              const std::string& program) {
    model_choice choice{o.lm, o.api_base, o.saved, lifetime_named(o.lifetime)};
    choice.lm_told = !o.lm.empty();
    choice.saved_told = !o.saved.empty();
    choice.journals = store;
    if (o.tools) choice.tools = with_absolute_paths(*o.tools);
    run_filter filter;
    filter.most = 10'000;
    filter.program = program;
    for (const auto& r : store->list(filter)) {  // the newest first
        bool over =
            r.status == run_status::finished || r.status == run_status::failed || r.status == run_status::cancelled;
        if (over) continue;
        auto began = started_of(*store, r);
        if (!began.adapter.empty()) {
            choice.adapter = began.adapter;
            if (!choice.saved_told) choice.saved = began.saved;
        }
        if (choice.lm_told || began.lm.empty()) continue;
        choice.lm = began.lm;
        if (o.api_base.empty())
            choice.api_base = began.api_base.find("(secret)") == began.api_base.npos ? began.api_base : "";
        choice.address_is_stored = o.api_base.empty() && !choice.api_base.empty();
    }
    return choice;
}

int work(const runs_options& o, const cli_program* own) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);                      // of a terminal that is closed
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread begins
    auto tell = tell_trouble();
    check_there(o.journals);
    auto store = open_for_worker(o.journals, tell, signals);
    runtime rt{runtime_options_for(store)};
    serve_program(rt, own, model_of_waiting(store, o, own ? program_name(*own) : ask_program), nullptr);
    std::atomic<bool> over = false;
    struct ended_thread : std::thread {
        std::atomic<bool>& over;
        ~ended_thread() {
            over = true;
            join();
        }
    };
    const ended_thread watch{
        std::thread{[&] {
            timespec often{0, 100'000'000};
            while (!over)
                if (::sigtimedwait(&signals, nullptr, &often) > 0) {
                    std::cerr << "stopping: effects under way come to their end, then others may go on\n";
                    rt.stop_work();
                }
        }},
        over};
    std::mutex printing;
    terminal t;
    auto halted = [&](const stored_run& r) {
        std::lock_guard lock{printing};
        if (o.json)
            std::cout << shown_json(to_json(r)) << std::endl;
        else
            std::cout << visible_name(r.id) << "  " << status_text(t, r.status) << "  "
                      << one_line(r.outputs ? json::value(*r.outputs) : json::value(json::string(r.error)), 160)
                      << std::endl;
    };
    if (!o.json)
        std::cerr << t.dim("worker " + visible_name(store->worker()) + " takes up runs; Ctrl-C stops it") << std::endl;
    rt.work({.concurrency = o.concurrency, .until_idle = o.until_idle, .on_halt = halted, .on_trouble = tell});
    return 0;
}

int replay(const runs_options& o, const cli_program* own) {
    auto store = open_journals(o.journals);
    auto r = store->get(o.id);
    runtime rt{runtime_options_for(store)};
    serve_program(rt, own, as_started(*store, r, {o.lm, o.api_base, o.saved}), &r);
    auto found = rt.replay(o.id);
    if (o.json) {
        json::array differences;
        for (const auto& d : found.differences)
            differences.push_back(json::object{{"place", d.place}, {"what", d.what}});
        json::object all{{"id", o.id}, {"same", found.differences.empty()}, {"differences", std::move(differences)}};
        if (found.outputs) all["outputs"] = *found.outputs;
        if (!found.ended.empty()) all["ended"] = found.ended;
        std::cout << shown_json(all) << "\n";
    } else {
        terminal t;
        for (const auto& d : found.differences)
            std::cout << t.bold(visible_name(d.place)) << ": " << indented(printable(d.what), "  ") << "\n";
        if (found.differences.empty()) std::cout << "the program does what run " << visible_name(o.id) << " did\n";
        if (!found.ended.empty() && found.differences.empty())
            std::cout << "until: " << indented(printable(found.ended), "  ") << "\n";
    }
    return found.differences.empty() ? 0 : 3;
}

int cancel(const runs_options& o) {
    auto store = open_journals(o.journals, journal_access::existing);
    store->cancel(o.id);
    std::cout << cancelled_text(store->get(o.id)) << "\n";
    return 0;
}

// How many records a fork keeps; 0: all.
std::uint64_t records_to_keep(journal_store& store, const runs_options& o) {
    if (!o.effect) return o.records;
    if (auto until = records_through(store.records(o.id), o.effect)) return until;
    throw std::runtime_error{"effect " + std::to_string(o.effect) + " of run " + visible_name(o.id) +
                             " has not finished, or is not there; `reagent runs show " + shell_word(o.id) +
                             "` numbers them"};
}

int fork_run(const runs_options& o) {
    auto store = open_journals(o.journals, journal_access::existing);
    auto until = records_to_keep(*store, o);
    auto r = store->get(o.id);
    std::cout << visible_name(store->fork(o.id, until, o.new_id)) << "\n";
    if (r.status == run_status::failed && (until == 0 || until == r.records))
        std::cerr << "run " << visible_name(r.id) << " failed: " << shortened(visible(r.error), 300)
                  << "\nThe fork goes on from there: model calls that failed are made again. Where something else "
                     "failed it does so "
                     "again, unless that was changed; fork before it then: --effect N, as `reagent runs show "
                  << shell_word(r.id) << "` numbers them\n";
    return 0;
}

int remove(const runs_options& o) {
    open_journals(o.journals, journal_access::existing)->remove(o.id);
    return 0;
}

// The commands below `runs`: each says what it takes.
class runs_commands {
public:
    runs_commands(CLI::App& app, command& chosen, const cli_program* own)
        : o_{std::make_shared<runs_options>()},
          runs_{*app.add_subcommand(
              "runs", "Durable runs: list, show, resume, approve, reject, cancel, fork, replay, remove, work")},
          chosen_{chosen},
          own_{own} {
        runs_.require_subcommand(1);
    }

    void add_list() {
        auto* c = add("list", "The newest runs first", false, list);
        c->add_option("--status", o_->status, "only those that are so")
            ->check(CLI::IsMember(
                {"ready", "running", "awaiting_approval", "outcome_unknown", "finished", "failed", "cancelled"}));
        c->add_option("--program", o_->program, "only those of this program")->check(not_empty());
        c->add_option("--session", o_->session, "only those of this conversation")->check(not_empty());
        c->add_option("--limit", o_->limit, "at most so many")
            ->check(whole_number(1, 1'000'000))
            ->capture_default_str();
        as_json(c);
    }

    void add_show() {
        auto* c = add("show", "One run: what it did, and what it waits for", true, show);
        c->add_flag("--whole", o_->whole, "all of what waits for a decision, however long");
        as_json(c);
    }

    void add_resume() {
        auto* c = add("resume",
                      "Continues a run here and waits for it; exit code 0: it finished, 1: it failed or was cancelled, "
                      "3: it waits for "
                      "somebody",
                      true, [own = own_](const runs_options& o) { return resume(o, own); });
        c->add_flag("--force", o_->force,
                    "take it from a worker whose lease has not run out; that one may still act: see that its process "
                    "has ended");
        c->add_option("--happened", o_->result,
                      "of a call whose outcome is unknown: it happened, and this came of it (JSON, or a text)")
            ->check(not_empty());
        c->add_option("--failed", o_->failed, "... it did not happen and is not to: the model is told this")
            ->check(not_empty());
        c->add_flag("--repeat", o_->repeat, "... it is to be made again");
        one_effect(c);
        by_whom(c);
        with_lifetime(c);
        with_model(c);
        as_json(c);
    }

    void add_decisions() {
        auto* c = add("approve", "Consents to a tool's call", true,
                      [](const runs_options& o) { return decide(o, run_decision::approve); });
        c->add_option("--arguments", o_->arguments, "JSON object: call it with these instead")->check(not_empty());
        c->add_option(
             "--seen", o_->seen,
             "digest of the call that was seen, or its first 12 digits: where another one waits, nothing is decided")
            ->check(not_empty());
        one_effect(c);
        c->add_flag("--latest", o_->latest,
                    "whatever waits, unseen; without --effect, --seen and --latest the call is shown and asked about")
            ->excludes("--seen");
        by_whom(c);
        c = add("reject", "Refuses a tool's call", true,
                [](const runs_options& o) { return decide(o, run_decision::reject); });
        c->add_option("--reason", o_->reason, "what the model is told")->check(not_empty());
        one_effect(c);
        by_whom(c);
    }

    void add_cancel() {
        add("cancel",
            "Ends a run; one that is at work stops at its next effect: a call of a tool comes to its end, and what it "
            "did is kept",
            true, cancel);
    }

    void add_fork() {
        auto* c = add("fork", "A new run that has lived through the beginning of another", true, fork_run);
        auto* records = c->add_option("--records", o_->records, "how many of its records, from 1; default: all")
                            ->check(whole_number(1));
        c->add_option("--effect", o_->effect,
                      "until this effect had finished: its number as `runs show` and `trace` have it")
            ->check(whole_number(1))
            ->excludes(records);
        c->add_option("--new-id", o_->new_id, "id of the new run; default: a random one")->check(new_id());
    }

    void add_replay() {
        auto* c = add("replay",
                      "Executes the program as it is now on a run's journal, without any model or tool, and tells "
                      "where it differs; exit "
                      "code 0: nowhere, 3: somewhere",
                      true, [own = own_](const runs_options& o) { return replay(o, own); });
        with_model(c);
        as_json(c);
    }

    void add_remove() { add("remove", "Forgets a run that is over", true, remove); }

    void add_work() {
        auto* c =
            add("work", "A worker: takes up runs that are ready, and those whose worker is gone, until it is stopped",
                false, [own = own_](const runs_options& o) { return work(o, own); });
        c->add_option("--concurrency", o_->concurrency, "runs at the same time")
            ->check(whole_number(1, 10'000))
            ->capture_default_str();
        c->add_flag("--until-idle", o_->until_idle, "end when nothing is left to do");
        if (!own_)
            c->add_option(
                "--tools", o_->tools,
                "lend only these tools, as calculator,sql:FILE; runs that were stored with others are refused. "
                "For a store that others write to: without it a run opens any file of this user that it names");
        with_lifetime(c);
        with_model(c);
        as_json(c);
    }

private:
    CLI::App* add(const char* name, const char* help, bool id, std::function<int(const runs_options&)> does) {
        auto* c = runs_.add_subcommand(name, help);
        c->add_option("--journals", o_->journals,
                      "a file of SQLite or postgresql://...; default: $REAGENT_JOURNALS, else reagent-runs.db")
            ->check(not_empty());
        if (id) c->add_option("ID", o_->id, "which run")->required();
        c->callback([o = o_, &chosen = chosen_, does = std::move(does)] { chosen = [o, does] { return does(*o); }; });
        return c;
    }
    void one_effect(CLI::App* c) {
        c->add_option("--effect", o_->effect, "number of the effect, where several wait")->check(whole_number(1));
    }
    void with_model(CLI::App* c) {
        c->add_option("--lm", o_->lm,
                      "language model; default: the one that the run was started with, or as for `reagent ask`");
        c->add_option("--api-base", o_->api_base, "address of an OpenAI-compatible server")->check(not_empty());
        if (own_)
            c->add_option("--program", o_->saved,
                          "saved program: a file, or FOLDER@TAG of a store; default: the one that the run began with")
                ->check(not_empty());
    }
    void by_whom(CLI::App* c) {
        c->add_option("--by", o_->by, "who decides; default: the user who is logged in")->check(not_empty());
    }
    void with_lifetime(CLI::App* c) {
        c->add_option("--consent-lifetime", o_->lifetime,
                      "how long a consent holds until the call is made: 90s, 24h or never")
            ->check(lifetime())
            ->default_val("24h");
    }
    void as_json(CLI::App* c) { c->add_flag("--json", o_->json, "JSON on stdout"); }

    std::shared_ptr<runs_options> o_;
    CLI::App& runs_;
    command& chosen_;
    const cli_program* own_;
};

}  // namespace

void add_runs(CLI::App& app, command& chosen, const cli_program* own) {
    runs_commands commands{app, chosen, own};
    commands.add_list();
    commands.add_show();
    commands.add_resume();
    commands.add_decisions();
    commands.add_cancel();
    commands.add_fork();
    commands.add_replay();
    commands.add_remove();
    commands.add_work();
}

}  // namespace reagent::cli
