#pragma once

// What stands behind `runtime::async_run`.

#include <reagent/run/call_shape.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace reagent::detail {

/// Cancels a run until it has ended; then nothing. Thread-safe, and usable when the runtime is gone.
class run_canceller {
public:
    void watch(std::shared_ptr<run::state> s);
    void cancel();
    void end();

private:
    std::mutex mutex_;
    std::shared_ptr<run::state> run_;
    bool wanted_ = false, ended_ = false;
};

template <class T>
struct async_value {
    using type = std::conditional_t<std::is_default_constructible_v<T>, T, std::optional<T>>;
    using signature = void(std::exception_ptr, type);

    template <class Handler>
    static void complete(Handler handler, std::exception_ptr failure, kept<T>& value) {
        if (failure)
            std::move(handler)(std::move(failure), type());
        else
            std::move(handler)(std::exception_ptr{}, type(std::move(*value)));
    }
};
template <>
struct async_value<void> {
    using signature = void(std::exception_ptr);

    template <class Handler>
    static void complete(Handler handler, std::exception_ptr failure, kept<void>&) {
        std::move(handler)(std::move(failure));
    }
};

/// A run that somebody's handler waits for. The handler is touched where its executor calls it only.
template <class T, class Handler>
class awaited_run {
public:
    awaited_run(Handler handler, const asio::any_io_executor& otherwise)
        : executor_{asio::get_associated_executor(handler, otherwise)},
          work_{*executor_},
          handler_{std::move(handler)} {
        auto slot = asio::get_associated_cancellation_slot(*handler_);
        if (slot.is_connected()) slot.assign([c = canceller](asio::cancellation_type) { c->cancel(); });
    }

    /// On any thread, once.
    static void end(std::shared_ptr<awaited_run> self, std::exception_ptr failure) {
        self->canceller->end();
        // The handler may be the last work of a context that is destroyed as soon as it has run: there is work until
        // dispatch has come back, and nothing of ours names the context after that. A work guard would let go of the
        // work before it lets go of the executor.
        auto work = asio::prefer(*self->executor_, asio::execution::outstanding_work.tracked);
        auto executor = *std::exchange(self->executor_, std::nullopt);
        asio::dispatch(executor, [self = std::move(self), failure = std::move(failure)]() mutable {
            auto held = std::move(self);
            held->complete(std::move(failure));
        });
    }

    const std::shared_ptr<run_canceller> canceller = std::make_shared<run_canceller>();
    const std::shared_ptr<kept<T>> value = std::make_shared<kept<T>>();

private:
    using executor = asio::associated_executor_t<Handler, asio::any_io_executor>;

    void complete(std::exception_ptr failure) {
        auto slot = asio::get_associated_cancellation_slot(*handler_);
        if (slot.is_connected()) slot.clear();
        Handler handler = std::move(*handler_);
        handler_.reset();  // what it holds is free before it is called, as everywhere in Asio
        auto work = std::move(work_);
        async_value<T>::complete(std::move(handler), std::move(failure), *value);
    }

    std::optional<executor> executor_;
    asio::executor_work_guard<executor> work_;
    std::optional<Handler> handler_;
};

/// An argument with a name of its own has been looked at when it was made.
template <class Arg>
inline constexpr bool can_be_awaited_with = survives_await<Arg> || requires {
    owned_by<Arg>::type::name();
};

/// What begins a run once its handler is there. It owns what the run needs: a token may begin it late.
template <class Module, class... Args>
class run_initiation {
public:
    run_initiation(runtime& rt, run_options options, const Module* named, std::shared_ptr<const Module> own,
                   typename owned_by<Args>::type... args)
        : runtime_{&rt}, options_{std::move(options)}, named_{named}, own_{std::move(own)}, args_{std::move(args)...} {}

    using task_type = decltype(invoke_program(std::declval<const Module&>(), std::declval<run&>(),
                                              given_away<Args>(std::declval<typename owned_by<Args>::type&>())...));
    using T = typename task_value<task_type>::type;

    template <class Handler>
    void operator()(Handler&& handler) && {
        using awaited = awaited_run<T, std::decay_t<Handler>>;
        auto a = std::make_shared<awaited>(std::forward<Handler>(handler), runtime_->default_executor());
        try {
            begin(a);
        } catch (...) {
            asio::post(runtime_->default_executor(), [a, failure = std::current_exception()]() mutable {
                awaited::end(std::move(a), std::move(failure));
            });
        }
    }
    template <class Handler>
    void operator()(Handler&& handler) const& {
        run_initiation own = *this;
        std::move(own)(std::forward<Handler>(handler));
    }

private:
    template <class Awaited>
    void begin(std::shared_ptr<Awaited> a) {
        check_options(own_ ? *own_ : *named_, options_);
        auto state = runtime_->prepare(std::move(options_));
        auto work = std::apply(
            [&](auto&... kept) {
                return invoke_program(own_ ? *own_ : *named_, runtime_->trunk(state), given_away<Args>(kept)...);
            },
            args_);
        runtime_->spawn(state, keep(std::move(work), a->value), [a, own = own_](std::exception_ptr failure) {
            bool good = *a->value && !is_of_recording(failure);
            Awaited::end(a, good ? nullptr : std::move(failure));
        });
        a->canceller->watch(std::move(state));
    }

    runtime* runtime_;
    run_options options_;
    const Module* named_;
    std::shared_ptr<const Module> own_;
    std::tuple<typename owned_by<Args>::type...> args_;
};

template <class Module, std::size_t... I, class Tuple>
auto async_run_with(runtime& rt, run_options options, const std::remove_cvref_t<Module>* named,
                    std::shared_ptr<const std::remove_cvref_t<Module>> own, std::index_sequence<I...>, Tuple given) {
    using initiation = run_initiation<std::remove_cvref_t<Module>, std::decay_t<std::tuple_element_t<I, Tuple>>...>;
    using last = std::tuple_element_t<sizeof...(I), Tuple>;
    using token = std::conditional_t<std::is_lvalue_reference_v<last>, last, std::remove_reference_t<last>>;
    using signature = typename async_value<typename initiation::T>::signature;
    static_assert(arguments_can_be_kept<std::tuple_element_t<I, Tuple>...>());
    static_assert(asio::completion_token_for<token, signature>,
                  "reagent: the last argument of async_run is a completion token, as boost::asio::use_awaitable, or a "
                  "callback that takes "
                  "(std::exception_ptr, value)");
    using result =
        decltype(asio::async_initiate<token, signature>(std::declval<initiation>(), std::get<sizeof...(I)>(given)));
    if constexpr (awaits_later<result>) {
        static_assert(survives_await<Module>,
                      "reagent: g++ 12 destroys a lambda that captures by copy twice inside co_await; name the lambda "
                      "first, then pass it");
        static_assert(
            (can_be_awaited_with<std::tuple_element_t<I, Tuple>> && ...),
            "reagent: g++ 12 destroys an aggregate that is written inside co_await twice; name it first, then pass it");
    }
    return asio::async_initiate<token, signature>(
        initiation{rt, std::move(options), named, std::move(own),
                   owned_by<std::tuple_element_t<I, Tuple>>::keep(
                       std::forward<std::tuple_element_t<I, Tuple>>(std::get<I>(given)))...},
        std::get<sizeof...(I)>(given));
}

template <class Module, class... ArgsAndToken>
auto async_run(runtime& rt, run_options options, Module&& module, ArgsAndToken&&... args_and_token) {
    static_assert(sizeof...(ArgsAndToken) > 0,
                  "reagent: the last argument of async_run is a completion token, as boost::asio::use_awaitable");
    auto own = owner_of<Module>(module);
    const auto* named = own ? nullptr : &module;
    return async_run_with<Module>(rt, std::move(options), named, std::move(own),
                                  std::make_index_sequence<sizeof...(ArgsAndToken) - 1>{},
                                  std::forward_as_tuple(std::forward<ArgsAndToken>(args_and_token)...));
}

}  // namespace reagent::detail
