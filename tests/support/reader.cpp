#include "reader.hpp"

#include "learner.hpp"

#include <boost/json.hpp>
#include <boost/regex.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

namespace reagent::test {
namespace {

struct fact {
    std::string subject, relation, object, sentence;
    std::size_t passage = 0;  // its number in the context
};

struct asked_question {
    std::string outer, inner, about;  // "What is the OUTER of the INNER of ABOUT?"
};

std::optional<asked_question> understand(const std::string& question) {
    static const boost::regex form{R"(What is the (\w+) of the (\w+) of ([^?]+)\?)"};
    boost::smatch m;
    if (!boost::regex_search(question, m, form)) return {};
    return asked_question{m[1], m[2], m[3]};
}

// Every sentence of the context that says a relation.
std::vector<fact> facts_of(const std::string& context) {
    static const boost::regex numbered{R"(^\[(\d+)\] )"};
    static const std::string entity = R"([A-Z][a-z]+(?: [A-Z][a-z]+)?)";
    std::vector<fact> all;
    std::istringstream lines{context};
    std::size_t passage = 1;
    for (std::string line; std::getline(lines, line);) {
        if (boost::smatch m; boost::regex_search(line, m, numbered)) passage = std::stoul(m[1]);
        for (const auto& r : relations()) {
            const boost::regex said{r.before + "(" + entity + ")" + r.middle + "(" + entity + ")\\."};
            for (boost::sregex_iterator at{line.begin(), line.end(), said}, end; at != end; ++at)
                all.push_back({(*at)[1], r.name, (*at)[2], at->str(), passage});
        }
    }
    return all;
}

const fact* find(const std::vector<fact>& facts, const std::string& subject, const std::string& relation) {
    for (const auto& f : facts)
        if (f.subject == subject && f.relation == relation) return &f;
    return nullptr;
}

std::set<std::string> names_in(const std::string& text) {
    static const boost::regex name{R"(\b[A-Z][a-z]+\b)"};
    std::set<std::string> all;
    for (boost::sregex_iterator at{text.begin(), text.end(), name}, end; at != end; ++at) all.insert(at->str());
    return all;
}

// Whether a query has a name that the context has and the question does not.
bool bridges(const std::string& query, const std::string& context, const std::string& question) {
    const auto known = names_in(question), found = names_in(context);
    for (const auto& n : names_in(query))
        if (found.contains(n) && !known.contains(n)) return true;
    return false;
}

bool is_short(const std::string& answer) {
    return std::count(answer.begin(), answer.end(), ' ') < 3 && !answer.ends_with('.');
}

// What a prompt holds besides the question: what its demonstrations do, and how many hints there are.
struct lesson {
    std::size_t demos = 0, good = 0, hints = 0;
    bool taught() const { return demos && 2 * good > demos; }
};

lesson lesson_of(const std::vector<message>& messages, std::size_t question_at, const std::string& output) {
    lesson l;
    for (const auto& h : reader_hints()) l.hints += messages.front().content.find(h) != std::string::npos;
    for (std::size_t i = 1; i + 1 < question_at; i += 2) {
        const std::string& given = messages[i].content;
        const std::string made = prompt_field(messages[i + 1].content, output);
        if (made.empty()) continue;
        ++l.demos;
        l.good += output == "query" ? bridges(made, prompt_field(given, "context"), prompt_field(given, "question"))
                                    : is_short(made);
    }
    return l;
}

using answers = std::map<std::string, std::string>;

answers proposed(const std::string& all, std::uint64_t rollout) {
    std::string text = "Answer questions from passages.";
    for (std::size_t i = 0; i < reader_hints().size(); ++i)
        if (hash_of(all, rollout * 31 + i + 1) % 100 < 40) text += " " + reader_hints()[i] + ".";
    return {{"proposed_instruction", text + " Variant " + std::to_string(hash_of(all, rollout) % 1000) + "."}};
}

answers refined(const std::string& question, const std::string& context, const lesson& l, std::uint64_t luck) {
    const auto asked = understand(question);
    const auto facts = facts_of(context);
    const auto* first = asked ? find(facts, asked->about, asked->inner) : nullptr;
    const std::size_t skill = l.taught() ? 93 : l.demos ? 10 : 25 + 15 * l.hints;
    if (first && luck % 100 < skill) return {{"query", first->object + " " + asked->outer}};
    return {{"query", "More about this: " + question}};
}

answers told(const std::string& question, const std::string& context, const lesson& l, std::uint64_t luck,
             bool sent_back) {
    const auto asked = understand(question);
    const auto facts = facts_of(context);
    const auto* first = asked ? find(facts, asked->about, asked->inner) : nullptr;
    const auto* second = first ? find(facts, first->object, asked->outer) : nullptr;
    if (!second) return {{"answer", "The passages do not say."}, {"citations", "[]"}};
    const std::size_t skill = l.taught() ? 97 : l.demos ? 20 : 60 + 8 * l.hints;
    const bool invents = !sent_back && luck / 100 % 100 < 10;
    json::array citations{json::object{{"passage", first->passage}, {"quote", first->sentence}},
                          json::object{{"passage", second->passage},
                                       {"quote", invents ? "It is " + second->object + "." : second->sentence}}};
    const std::string text =
        luck % 100 < skill ? second->object : "The " + asked->outer + " that is asked for is " + second->object + ".";
    return {{"answer", text}, {"citations", json::serialize(citations)}};
}

}  // namespace

const std::vector<std::string>& reader_hints() {
    static const std::vector<std::string> hints{"Name in the query what the passages found",
                                                "Do not repeat the question", "Answer with a name alone",
                                                "Follow the chain of relations"};
    return hints;
}

std::string reader::answer(const std::vector<message>& messages, std::uint64_t rollout) const {
    std::string all;
    for (const auto& m : messages) all += m.content;
    // The last question; behind it may stand what was wrong with an answer to it.
    std::size_t at = messages.size() - 1;
    while (at > 1 && (messages[at].role != role::user || prompt_field(messages[at].content, "question").empty())) --at;
    const std::string &given = messages[at].content, question = prompt_field(given, "question"),
                      context = prompt_field(given, "context");
    const bool sent_back = all.find("does not say \"") != std::string::npos;
    const auto asked = asked_fields(messages.back().content);
    auto asks = [&](const char* name) { return std::find(asked.begin(), asked.end(), name) != asked.end(); };
    answers made;
    if (asks("proposed_instruction"))
        made = proposed(all, rollout);
    else if (asks("query"))
        made = refined(question, context, lesson_of(messages, at, "query"), hash_of(question, rollout + 1));
    else if (asks("citations"))
        made = told(question, context, lesson_of(messages, at, "answer"), hash_of(question, rollout + 2), sent_back);
    std::string out;
    for (const auto& name : asked)
        out += "[[ ## " + name + " ## ]]\n" + (made.contains(name) ? made[name] : "-") + "\n\n";
    return out + "[[ ## completed ## ]]";
}

task<lm_response> reader::complete(lm_context, const lm_request& request) const {
    ++calls;
    lm_response r;
    r.text = answer(request.messages, request.rollout_id);
    std::size_t bytes = 0;
    for (const auto& m : request.messages) bytes += m.content.size();
    r.usage = {1, bytes / 4, r.text.size() / 4, {}};
    co_return r;
}

}  // namespace reagent::test
