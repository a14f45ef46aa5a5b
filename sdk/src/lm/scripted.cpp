#include <reagent/lm/scripted.hpp>

#include <reagent/error.hpp>
#include <reagent/lm/to_text.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <mutex>

namespace reagent {
namespace {

std::string marked(const json::object& fields) {
    std::string text;
    for (const auto& [name, v] : fields)
        text += "[[ ## " + std::string{name} + " ## ]]\n" + (v.is_structured() ? dump_json(v) : python_str(v)) + "\n\n";
    return text + "[[ ## completed ## ]]";
}

bool asks_with(const lm_request& q, const std::string& text) {
    return std::any_of(q.messages.begin(), q.messages.end(),
                       [&](const message& m) { return m.content.find(text) != std::string::npos; });
}

}  // namespace

scripted_answer::scripted_answer(std::string text) { response_.text = std::move(text); }

scripted_answer scripted_answer::calls(std::vector<std::pair<std::string, json::object>> calls) {
    lm_response r;
    r.finish = finish_reason::tool_calls;
    for (auto& [name, arguments] : calls)
        r.tool_calls.push_back(
            {"call_" + std::to_string(r.tool_calls.size() + 1), std::move(name), json::serialize(arguments)});
    return scripted_answer{std::move(r)};
}

namespace {

// Those of the fields that the request asks for, so that one answer serves several predictors; all of them where it
// asks for none of these.
json::object asked_for(const lm_request& request, const json::object& fields) {
    const std::string_view asked =
        request.messages.empty() ? std::string_view{} : std::string_view{request.messages.back().content};
    json::object some;
    for (const auto& [name, v] : fields)
        if (asked.find("[[ ## " + std::string{name} + " ## ]]") != asked.npos) some[name] = v;
    return some.empty() ? fields : some;
}

}  // namespace

lm_response scripted_answer::to(const lm_request& request) const {
    if (failure_) std::rethrow_exception(failure_);
    lm_response r = response_;
    if (!fields_.empty())
        r.text = request.outputs_schema ? json::serialize(fields_) : marked(asked_for(request, fields_));
    if (r.model.empty()) r.model = "test/scripted";
    if (!r.usage.calls) r.usage.calls = 1;
    return r;
}

class scripted::script final : public lm_backend {
public:
    explicit script(std::vector<scripted_answer> answers) : answers_{std::move(answers)} {}
    explicit script(function answer) : answer_{std::move(answer)} {}

    std::string name() const override { return "test/scripted"; }

    task<lm_response> complete(lm_context, const lm_request& request) const override {
        co_return next(request).to(request);
    }

    void add_rule(std::string text, scripted_answer answer) {
        std::lock_guard lock{mutex_};
        rules_.emplace_back(std::move(text), std::move(answer));
    }
    asked_requests requests() const {
        std::lock_guard lock{mutex_};
        return requests_;
    }

private:
    scripted_answer next(const lm_request& request) const {
        std::unique_lock lock{mutex_};
        requests_.push_back(request);
        for (const auto& [text, answer] : rules_)
            if (asks_with(request, text)) return answer;
        if (answer_) {
            lock.unlock();  // it may ask what was asked
            return answer_(request);
        }
        if (used_ < answers_.size()) return answers_[used_++];
        throw lm_error{lm_errc::unavailable, "the script has " + std::to_string(answers_.size()) +
                                                 " answers, and call " + std::to_string(requests_.size()) +
                                                 " wants one more" + (rules_.empty() ? "" : "; no rule fits it") +
                                                 ". It asked:\n" + to_text(request)};
    }

    mutable std::mutex mutex_;
    std::vector<scripted_answer> answers_;
    function answer_;
    std::vector<std::pair<std::string, scripted_answer>> rules_;
    mutable std::size_t used_ = 0;
    mutable asked_requests requests_;
};

scripted::scripted(std::initializer_list<scripted_answer> answers) : scripted{std::vector<scripted_answer>{answers}} {}
scripted::scripted(std::shared_ptr<script> s) : language_model{s}, script_{std::move(s)} {}
scripted::scripted(std::vector<scripted_answer> answers) : scripted{std::make_shared<script>(std::move(answers))} {}
scripted::scripted(function answer) : scripted{std::make_shared<script>(std::move(answer))} {}

scripted& scripted::when(std::string text, scripted_answer answer) {
    script_->add_rule(std::move(text), std::move(answer));
    return *this;
}

asked_requests scripted::requests() const { return script_->requests(); }
std::size_t scripted::calls() const { return script_->requests().size(); }
std::string scripted::last_prompt() const {
    auto all = script_->requests();
    return all.empty() ? std::string{} : to_text(all.back());
}

}  // namespace reagent
