#pragma once

#include <reagent/module/arguments.hpp>
#include <reagent/module/predictor.hpp>

namespace reagent {

namespace detail {

template <class S>
struct typed_outputs {  // of sig<"...">: a tuple
    template <std::size_t... I>
    static std::tuple<typename signature_traits<S>::template output_type<I>...> tuple_of(std::index_sequence<I...>);
    using type = decltype(tuple_of(std::make_index_sequence<signature_traits<S>::outputs>{}));
};
template <struct_signature S>
struct typed_outputs<S> {
    using type = typename S::output;
};

[[noreturn]] void throw_unreadable(const signature& s, std::vector<violation> violations);

}  // namespace detail

/// The outputs of a signature, typed. `p.get<"answer">()`; for a struct signature `p->answer` too.
template <signature_type S>
class prediction {
public:
    prediction() = default;

    /// @param outputs every output by name, as `predictor::call` returns them
    /// @throws parse_error when they do not fit the C++ types
    explicit prediction(json::object outputs) {
        if (auto wrong = read(outputs); !wrong.empty())
            detail::throw_unreadable(signature_traits<S>::get(), std::move(wrong));
        keep(std::move(outputs));
    }

    /// Reads the C++ values. @return what does not fit
    std::vector<violation> read(const json::object& outputs) {
        detail::conversion c;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (read_one(outputs, signature_traits<S>::get().outputs[I].name, value<I>(), c), ...);
        }
        (std::make_index_sequence<signature_traits<S>::outputs>{});
        if constexpr (detail::struct_signature<S>) {
            c.path = "$";
            if (c.violations.empty()) detail::check_predicate(outputs_, c);
        }
        return std::move(c.violations);
    }

    /// What `read` has read, as JSON.
    void keep(json::object outputs) { json_ = std::move(outputs); }

    template <fixed_string Name>
    const auto& get() const& {
        constexpr auto index = signature_traits<S>::template output_index<Name>();
        static_assert(index != signature_traits<S>::npos,
                      "reagent: this signature has no output of that name; look for a misspelt get<\"...\">");
        if constexpr (index != signature_traits<S>::npos)
            return const_cast<prediction*>(this)->value<index>();
        else
            return json_;
    }

    /// Of a temporary the value itself, so that a reference to it, and a range-for, keep it.
    template <fixed_string Name>
    auto get() && {
        constexpr auto index = signature_traits<S>::template output_index<Name>();
        static_assert(index != signature_traits<S>::npos,
                      "reagent: this signature has no output of that name; look for a misspelt get<\"...\">");
        if constexpr (index != signature_traits<S>::npos)
            return std::move(value<index>());
        else
            return std::move(json_);
    }

    /// The outputs as the signature's struct.
    const auto* operator->() const requires detail::struct_signature<S> { return &outputs_; }
    const auto& operator*() const& requires detail::struct_signature<S> { return outputs_; }
    auto operator*() && requires detail::struct_signature<S> { return std::move(outputs_); }

    /// The outputs as JSON, by name.
    const json::object& to_json() const& { return json_; }
    json::object to_json() && { return std::move(json_); }

private:
    template <std::size_t I>
    auto& value() {
        if constexpr (detail::struct_signature<S>)
            return reflect::member<typename S::output, I>(outputs_);
        else
            return std::get<I>(outputs_);
    }

    template <class T>
    static void read_one(const json::object& outputs, const std::string& name, T& out, detail::conversion& c) {
        c.path = name;
        if (auto* v = outputs.if_contains(name))
            detail::from_value(*v, out, c);
        else
            c.report("is missing");
    }

    json::object json_;
    typename detail::typed_outputs<S>::type outputs_{};
};

namespace detail {

/// A predictor's outputs, typed; what does not fit the types goes back to the model.
template <class Prediction>
task<Prediction> typed(const predictor& p, run& r, json::object inputs) {
    Prediction result;
    call_options options;
    options.accept = [&result](const json::object& outputs) { return result.read(outputs); };
    auto outputs = co_await p.call(r, std::move(inputs), std::move(options));
    result.keep(std::move(outputs));
    co_return result;
}

}  // namespace detail

/// One call of a language model by a signature.
///
///     rg::predict<rg::sig<"context: list[str], question -> answer: int">> qa;
///     auto p = co_await qa(run, "question"_f = "How many?", "context"_f = passages);
///     std::int64_t n = p.get<"answer">();
template <signature_type S>
class predict : public predictor {
    static_assert(signature_traits<S>::valid);

public:
    using output_type = prediction<S>;

    predict() : predictor{signature_traits<S>::get()} {}
    predict(module& parent, std::string name) : predictor{parent, std::move(name), signature_traits<S>::get()} {}

    /// Inputs by name, by position, or as a named object of the signature's `input`. They are converted before this
    /// returns, so references need not outlive the call.
    /// @throws (from the task) parse_error, run_error, lm_error, http_error
    template <class... Args>
    task<prediction<S>> operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return detail::typed<prediction<S>>(*this, r, detail::inputs_of<S>(args...));
    }
};

}  // namespace reagent
