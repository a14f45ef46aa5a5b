#pragma once

#include <reagent/lm/language_model.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value_ref.hpp>

#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent {

/// What a scripted model answers: a text as it stands; fields by name, which are written as the request asks for them
/// (markers, or JSON where a schema came along); calls of tools; a whole response; or an exception that the call
/// throws.
class scripted_answer {
public:
    scripted_answer(std::string text);
    scripted_answer(const char* text) : scripted_answer(std::string{text}) {}
    scripted_answer(json::object fields) : fields_{std::move(fields)} {}
    /// Without it `{{"answer", "42"}}` would be a std::string from a pair of iterators.
    scripted_answer(std::initializer_list<std::pair<json::string_view, json::value_ref>> fields) : fields_(fields) {}
    scripted_answer(lm_response response) : response_{std::move(response)} {}
    scripted_answer(std::exception_ptr failure) : failure_{std::move(failure)} {}
    /// Calls of tools in the provider's own format, with ids of their own. @param calls names and arguments
    static scripted_answer calls(std::vector<std::pair<std::string, json::object>> calls);

    lm_response to(const lm_request& request) const;

private:
    json::object fields_{};
    lm_response response_{};
    std::exception_ptr failure_{};
};

/// Requests, oldest first. What is taken out of a temporary list is a value: `lm.requests().front()` can be referred
/// to.
class asked_requests : public std::vector<lm_request> {
public:
    using std::vector<lm_request>::vector;

    const lm_request& front() const& { return vector::front(); }
    lm_request front() && { return std::move(vector::front()); }
    const lm_request& back() const& { return vector::back(); }
    lm_request back() && { return std::move(vector::back()); }
    const lm_request& at(std::size_t i) const& { return vector::at(i); }
    lm_request at(std::size_t i) && { return std::move(vector::at(i)); }
    const lm_request& operator[](std::size_t i) const& { return vector::operator[](i); }
    lm_request operator[](std::size_t i) && { return std::move(vector::operator[](i)); }
};

/// A language model for tests of programs: it answers in order, by rules, or by a function, needs neither key nor
/// network, and keeps what it was asked. A value: copies share the script. Thread-safe; concurrent calls take answers
/// in the order in which they come.
///
///     rg::scripted lm{{{"answer", "42"}}, "no field at all"};       // the first call, the second
///     auto p = runtime.run(lm, predict, "question"_f = "...");
///     lm.requests().front().messages.back().content                 // what was asked
class scripted : public language_model {
public:
    using function = std::function<scripted_answer(const lm_request&)>;

    /// In this order; a call too many is an lm_error(unavailable) that says how many there were.
    scripted(std::initializer_list<scripted_answer> answers);
    explicit scripted(std::vector<scripted_answer> answers);
    explicit scripted(function answer);

    /// Answers so whatever asks with this text in its messages, before all else; of several rules the first that fits.
    /// @return itself
    scripted& when(std::string text, scripted_answer answer);

    asked_requests requests() const;  ///< so far
    std::size_t calls() const;
    std::string last_prompt() const;  ///< the messages of the last request, as a person reads them; "" before the first

private:
    class script;
    explicit scripted(std::shared_ptr<script> s);
    std::shared_ptr<script> script_;
};

}  // namespace reagent
