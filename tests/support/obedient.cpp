#include "obedient.hpp"

#include "learner.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/signature/signature.hpp>

#include <boost/json.hpp>
#include <boost/regex.hpp>

#include <algorithm>
#include <set>

namespace reagent::test {
namespace {

constexpr const char* all_words[]{"apple", "pear", "plum", "fig", "lime"};

std::set<std::string> words_in(const std::string& text) {
    static const boost::regex order{R"([Ww]rite \\*"(\w+)\\*")"};
    std::set<std::string> found;
    for (boost::sregex_iterator at{text.begin(), text.end(), order}, end; at != end; ++at) found.insert((*at)[1]);
    return found;
}

std::string told(const std::set<std::string>& words) {
    std::string text = "Do the step.";
    for (const auto& w : words) text += " Write \"" + w + "\".";
    return text;
}

std::string joined(const std::set<std::string>& words) {
    std::string text;
    for (const auto& w : words) text += (text.empty() ? "" : " ") + w;
    return text.empty() ? "nothing" : text;
}

}  // namespace

many_steps::many_steps(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        steps.push_back(
            std::make_unique<predictor>(*this, "step" + std::to_string(i), parse_signature("question -> answer")));
}

task<json::object> many_steps::call(run& r, json::object inputs) const {
    std::string all;
    for (const auto& s : steps) {
        const json::object made = co_await s->call(r, inputs);
        all += std::string{std::string_view{made.at("answer").as_string()}} + "|";
    }
    co_return json::object{{"answer", all}};
}

scripted_answer obey(const lm_request& request) {
    const std::string &last = request.messages.back().content, &system = request.messages.front().content;
    const auto asked = asked_fields(last);
    auto asks = [&](const char* name) { return std::find(asked.begin(), asked.end(), name) != asked.end(); };
    const auto wanted = words_in(last);
    if (asks("new_instruction")) return json::object{{"new_instruction", told(wanted)}};
    if (asks("natural_language_rules")) return json::object{{"natural_language_rules", told(wanted)}};
    if (asks("module_advice")) {
        json::object advice;
        for (std::size_t i = 0; i < 12; ++i) advice["step" + std::to_string(i)] = told(wanted);
        return json::object{{"discussion", "-"}, {"module_advice", std::move(advice)}};
    }
    auto words = words_in(system);
    if (words.empty() && request.messages.size() > 3)
        return json::object{{"answer", prompt_field(request.messages[2].content, "answer")}};
    // Once in a while it writes one word more: runs of one example differ.
    if (request.rollout_id % 3 == 2) words.insert(all_words[hash_of(last, request.rollout_id) % 3]);
    return json::object{{"answer", joined(words)}};
}

dataset wanted_words(std::size_t n, std::size_t words) {
    dataset all;
    for (std::size_t i = 0; i < n; ++i)
        all.push_back(
            example{{{"question", "number " + std::to_string(i)}, {"word", all_words[i % words]}}, {"question"}});
    return all;
}

metric wrote_the_word(const many_steps& program) {
    std::vector<std::string> paths;
    for (const auto& s : program.steps) paths.push_back(s->predictor_path());
    return make_metric([paths](const rated_run& r) {
        const std::string word{r.expected.fields.at("word").as_string()};
        judgement j;
        for (const auto& c : r.history.predictor_calls()) {
            const bool there =
                std::string_view{c->outputs.at("answer").as_string()}.find(word) != std::string_view::npos;
            if (there) j.score += 1.0 / static_cast<double>(paths.size());
            if (!there) j.by_predictor[c->place.path] = "You should write \"" + word + "\".";
        }
        if (j.score > 0.999) j.score = 1;
        return j;
    });
}

}  // namespace reagent::test
