#pragma once

#include <reagent/journal/journal.hpp>

#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace spdlog {
class logger;
}

namespace reagent {

class run;
class telemetry;
struct run_event;
namespace detail {
class privacy;
struct observed_state;
}  // namespace detail

/// A run as its observers see it. Names and ids hold no secrets; texts and values of others are shown by `shown`. Valid
/// during the call only.
class observed_run {
public:
    std::string id() const;
    std::string program() const;  ///< "" where it has no name
    std::string session() const;  ///< the conversation that it is a turn of; "": none
    std::string model() const;
    std::uint64_t takes() const;  ///< of a durable run: how often a worker took it up; 0: it is none
    bool is_suspended() const;    ///< at its end: it waits for somebody, or for another worker
    const reagent::usage& usage() const;
    std::chrono::microseconds duration() const;  ///< at its end
    const std::shared_ptr<journal>& history() const;

    /// Without private fields, private values and secrets.
    std::string shown(std::string_view text) const;
    json::value shown(const std::string& path, const json::value& v) const;
    bool has_private() const;

    /// What ended it, as it may be told; "" for none. @param contents whether what tools, models and arguments say may
    /// stand in it
    std::string told(const std::exception_ptr& failure, bool contents) const;

    std::shared_ptr<const detail::privacy> privacy() const;  ///< as of now

    explicit observed_run(detail::observed_state& s) : state_{s} {}

private:
    detail::observed_state& state_;
};

/// Told of what runs do: log lines and telemetry are observers, and one of your own may be given to a runtime
/// (`runtime_options::observers`). Called on the threads of the runs, by several at once; must not block. What it
/// throws is dropped.
class run_observer {
public:
    virtual ~run_observer() = default;

    virtual void begins(const observed_run&) {}
    virtual void event(const observed_run&, const run_event&) {}
    virtual void predictor_returned(const observed_run&, const predictor_call&) {}
    virtual void ends(const observed_run&, const std::exception_ptr& /* null: nothing failed */) {}

    enum class level { debug, info, warning };
    /// What concerns no run: blocking work that is left, a store that is away.
    virtual void message(level, std::string_view) {}
};

/// `reagent::observe` has these two.
std::shared_ptr<run_observer> observer_of(std::shared_ptr<spdlog::logger> logger);
std::shared_ptr<run_observer> observer_of(std::shared_ptr<telemetry> sink);

/// A std::shared_ptr<T> that observes runs. Only a program that makes one of something needs the library which knows
/// how that observes.
template <class T>
class observed_by {
public:
    observed_by() = default;
    observed_by(std::nullptr_t) {}
    template <std::convertible_to<std::shared_ptr<T>> Pointer>
    requires(!std::same_as<std::remove_cvref_t<Pointer>, observed_by>) observed_by(Pointer&& p)
        : what_{std::forward<Pointer>(p)}, observer_{what_ ? observer_of(what_) : nullptr} {}

    explicit operator bool() const { return what_ != nullptr; }
    T* operator->() const { return what_.get(); }
    T& operator*() const { return *what_; }
    T* get() const { return what_.get(); }
    operator const std::shared_ptr<T>&() const { return what_; }
    const std::shared_ptr<run_observer>& observer() const { return observer_; }

private:
    std::shared_ptr<T> what_;
    std::shared_ptr<run_observer> observer_;
};

}  // namespace reagent
