#include <reagent/run/runtime.hpp>

#include <reagent/deadline.hpp>
#include <reagent/http/shown_url.hpp>

#include "../base/private_file.hpp"
#include "recycled.hpp"
#include "runtime_impl.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace reagent {
namespace detail {

void run_canceller::watch(std::shared_ptr<run::state> s) {
    std::lock_guard lock{mutex_};
    if (ended_) return;
    run_ = std::move(s);
    if (wanted_) detail::cancel(run_);
}

void run_canceller::cancel() {
    std::lock_guard lock{mutex_};
    wanted_ = true;
    if (run_) detail::cancel(run_);
}

void run_canceller::end() {
    std::lock_guard lock{mutex_};
    ended_ = true;
    run_.reset();
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

void reserve_descriptors(std::size_t n) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 2) return;
    int none = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (none < 0) return;
    int far = ::fcntl(none, F_DUPFD_CLOEXEC, static_cast<int>(std::min<rlim_t>(n, limit.rlim_cur) - 1));
    if (far >= 0) ::close(far);
    ::close(none);
}

std::string text_of(const std::exception_ptr& failure) {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something was thrown that is no std::exception";
    }
}

}  // namespace detail

namespace {

run_error no_record(const std::string& folder, const std::error_code& why) {
    return {run_errc::journal_unavailable,
            "the records of runs cannot be written into \"" + folder + "\": " + why.message() +
                "; give a folder that can be written ($REAGENT_RECORD, runtime_options::record)",
            {.path = folder}};
}

constexpr const char* recording = "recording a run";

run_error not_recorded(const std::string& file, const std::string& why) {
    return {
        run_errc::journal_unavailable,
        "the run came to its end, but its record is lost, and with it what would be answered from it later: " + why +
            ". Make room, or record into another folder ($REAGENT_RECORD, runtime_options::record), and start it again",
        {.attempted = recording, .path = file}};
}

// A name in the folder that no run has, of this process or another; the file holds nothing until the run has ended.
std::string next_record(const std::string& folder, std::atomic<std::uint64_t>& number) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);  // what is wrong with it is told by the file that is to be made
    for (;;) {
        std::string file = folder + "/run-" + std::to_string(++number) + ".jsonl";
        int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, detail::owners_only);
        if (fd >= 0) ::close(fd);
        if (fd >= 0) return file;
        if (errno != EEXIST) throw no_record(folder, {errno, std::system_category()});
    }
}

}  // namespace

std::shared_ptr<const detail::observer_list> detail::observers_of(const runtime_options& o) {
    observer_list all;
    for (const auto* given : {&o.logger.observer(), &o.telemetry.observer()})
        if (*given) all.push_back(*given);
    for (const auto& own : o.observers)
        if (own) all.push_back(own);
    return all.empty() ? nullptr : std::make_shared<const observer_list>(std::move(all));
}

std::vector<secret> detail::with_proxies(std::vector<secret> secrets, const std::optional<std::string>& proxy) {
    for (auto& s : http::secrets_of_proxies(proxy)) secrets.push_back(std::move(s));
    return secrets;
}

void runtime::impl::tell_left(const std::vector<std::string>& names) const {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    text +=
        " did not end within " + std::to_string(exit_grace.count()) +
        " ms of the runtime's end (runtime_options::exit_grace) and is left; give tools that may hang a way to stop";
    message(run_observer::level::warning, text);
    if (!has_log) std::cerr << "reagent: " << text << std::endl;
}

void runtime::impl::message(run_observer::level how, std::string_view text) const {
    if (!observers) return;
    for (const auto& o : *observers) o->message(how, text);
}

std::function<void(std::string_view)> runtime::impl::warning() const {
    if (!observers) return {};
    // Not kept: telemetry that keeps what was private in a run, and so the secrets, would keep itself.
    return [given = std::weak_ptr{observers}](std::string_view text) {
        if (auto to = given.lock())
            for (const auto& o : *to) o->message(run_observer::level::warning, text);
    };
}

runtime::runtime(runtime_options options) : impl_{std::make_unique<impl>(options)} {
    if (impl_->record.empty()) return;
    std::error_code ec;
    std::filesystem::create_directories(impl_->record, ec);
    if (!ec && ::access(impl_->record.c_str(), W_OK | X_OK) != 0) ec = {errno, std::system_category()};
    if (!ec && !std::filesystem::is_directory(impl_->record, ec)) ec = {ENOTDIR, std::system_category()};
    if (ec) throw no_record(impl_->record, ec);  // before anything is asked and paid for
}
runtime::~runtime() = default;

std::shared_ptr<run::state> runtime::prepare(run_options options, bool durable) {
    if (options.budget.dollars && std::isnan(*options.budget.dollars))
        throw std::invalid_argument{"run_options::budget.dollars is no number"};
    auto s = std::allocate_shared<run::state>(detail::recycled<run::state>{});
    s->options = std::move(options);
    auto number = durable ? 0 : ++impl_->started;
    auto file_in = [&](const std::string& folder) { return folder + "/run-" + std::to_string(number) + ".jsonl"; };
    if (!impl_->record.empty() && !durable) {
        s->record_to = next_record(impl_->record, impl_->recorded);
    }
    if (!impl_->replay.empty() && !durable) {
        s->options.replay = replay_from(file_in(impl_->replay));
        s->options.lm = {};  // so that nothing but the journal answers
    }
    {
        std::lock_guard lock{impl_->mutex};
        detail::loop& l = *impl_->next;
        if (++impl_->next == impl_->loops->end()) impl_->next = impl_->loops->begin();
        s->executor = l.context.get_executor();
        s->http = &l.http;
        s->arrivals = l.arrivals;
        s->deadlines = l.deadlines;
    }
    if (const auto* name = durable ? nullptr : s->options.about.if_contains("run"); name && name->is_string())
        s->name = name->get_string();  // so that logs and traces name a run as whoever began it does
    s->blocking = &impl_->blocking;
    s->observers = impl_->observers;
    s->secrets = impl_->secrets;
    s->secrets->learn(s->options.lm.backend());
    if (s->observers) s->private_to = {s->options.private_fields, impl_->secrets};
    s->deadline = deadline_after(s->options.deadline, s->started);
    s->flow.meet(s->options.flow.inputs, {{}, 0, "the inputs"});
    if (s->options.replay) {
        s->flow.meet(*s->options.replay);
        s->kept.put(s->options.replay->events(), false);
        s->history->adopt_assertions(*s->options.replay);
        for (const auto* events : {&s->options.replay->events(), &s->options.replay->abandoned()})
            for (const auto& e : *events) s->next_id = std::max(s->next_id, e.id + 1);
        for (const auto& e :
             s->options.replay->abandoned())  // paid for as well; the others are counted as the program comes by
            s->count(e);
    }
    s->trunk.emplace(s);
    return s;
}

void runtime::refuse_own_threads() const {
    if (impl_->is_own_thread()) detail::throw_would_deadlock();
}

detail::completion runtime::new_completion() const { return detail::completion{impl_->is_own_thread}; }

asio::any_io_executor runtime::default_executor() const { return impl_->loops->front().context.get_executor(); }

run& runtime::trunk(const std::shared_ptr<run::state>& s) { return *s->trunk; }

bool detail::is_of_recording(const std::exception_ptr& failure) {
    if (!failure) return false;
    try {
        std::rethrow_exception(failure);
    } catch (const run_error& e) {
        return e.details().attempted == recording;
    } catch (...) {
        return false;
    }
}

namespace {

// @param deadlines the loop's: they are not to outlive it in a state that somebody keeps
task<void> guarded(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended,
                   std::shared_ptr<detail::run_deadlines> deadlines) {
    std::exception_ptr failure;
    s->tell([](run_observer& o, const observed_run& r) { o.begins(r); });
    try {
        detail::run_deadlines::watch watch{std::move(deadlines), s->deadline, [&s = *s] {
                                               s.overdue = true;
                                               s.signal.emit(asio::cancellation_type::terminal);
                                           }};
        co_await std::move(work);
    } catch (const boost::system::system_error&) {
        failure = std::current_exception();
        if (s->cancelled) failure = std::make_exception_ptr(run_error{run_errc::cancelled, "the run was cancelled"});
    } catch (const detail::backtrack& b) {
        failure =
            std::make_exception_ptr(run_error{run_errc::assertion_failed,
                                              "an assertion sends the run back to \"" + b.target.path +
                                                  "\", but the run cannot start again: an argument of its program "
                                                  "cannot be copied",
                                              {.path = b.target.path}});
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && s->overdue && !s->cancelled && !s->suspended)
        failure = std::make_exception_ptr(run_error{
            run_errc::deadline_exceeded,
            "the run took longer than its deadline of " + std::to_string(s->options.deadline.count()) + " ms"});
    s->duration = s->elapsed();
    s->finished = true;
    if (!s->record_to.empty()) {
        try {
            save_journal(s->record_to, *s->history,
                         {{"program", s->options.program.empty() ? "run" : s->options.program}});
        } catch (const std::exception& e) {
            std::error_code ec;
            if (std::filesystem::file_size(s->record_to, ec) == 0)
                std::filesystem::remove(s->record_to, ec);  // made for its name
            if (!failure) failure = std::make_exception_ptr(not_recorded(s->record_to, e.what()));
        }
    }
    if (s->log) {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        std::exception_ptr unwritten;
        try {
            co_await s->log->close(*s, failure);
        } catch (...) {
            unwritten = std::current_exception();
        }
        if (unwritten) failure = unwritten;
    }
    s->tell([&](run_observer& o, const observed_run& r) { o.ends(r, failure); });
    s->trunk.reset();  // breaks the cycle between the state and its own handle
    ended(std::move(failure));
}

}  // namespace

void runtime::spawn(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended) {
    {
        std::lock_guard lock{impl_->mutex};
        impl_->active.insert(s);
    }
    auto leave = [this, weak = std::weak_ptr{s}, ended = std::move(ended)](std::exception_ptr failure) {
        {
            std::lock_guard lock{impl_->mutex};
            impl_->active.erase(weak);
        }
        ended(std::move(failure));
    };
    auto* state = s.get();
    asio::co_spawn(state->executor, guarded(s, std::move(work), std::move(leave), std::move(state->deadlines)),
                   asio::bind_cancellation_slot(state->signal.slot(), [s](std::exception_ptr) {}));
}

namespace detail {

void cancel(const std::shared_ptr<run::state>& s) {
    if (s->cancelled.exchange(true)) return;
    asio::post(s->executor, [s] {
        if (!s->finished) s->signal.emit(asio::cancellation_type::terminal);
    });
}

run_report report(const run::state& s) { return {s.usage, s.by_model, s.history, s.duration}; }

}  // namespace detail
}  // namespace reagent
