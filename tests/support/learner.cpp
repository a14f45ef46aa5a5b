#include "learner.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <sstream>

namespace reagent::test {

std::string prompt_field(const std::string& text, const std::string& name) {
    std::string marker = "[[ ## " + name + " ## ]]";
    auto at = text.find(marker);
    if (at == text.npos) return {};
    at += marker.size();
    auto end = text.find("[[ ## ", at);
    std::string value = text.substr(at, end == text.npos ? end : end - at);
    auto begin = value.find_first_not_of(" \n"), last = value.find_last_not_of(" \n");
    return begin == value.npos ? "" : value.substr(begin, last - begin + 1);
}

std::vector<std::string> asked_fields(const std::string& text) {
    std::vector<std::string> names;
    constexpr std::string_view open = "`[[ ## ", close = " ## ]]`";
    for (std::size_t at = 0; (at = text.find(open, at)) != text.npos;) {
        at += open.size();
        auto end = text.find(close, at);
        if (end == text.npos) break;
        std::string name = text.substr(at, end - at);
        if (name != "completed" && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
    std::uint64_t h = 1469598103934665603ULL ^ (seed * 0x9E3779B97F4A7C15ULL);
    for (unsigned char c : text) h = (h ^ c) * 1099511628211ULL;
    return h ^ (h >> 29);
}

namespace {

const char* const kinds[]{"billing", "delivery", "account"};
const char* const words_of[3][12]{
    {"invoice", "charged", "refund", "payment", "card", "price", "twice", "receipt", "bank", "discount", "fee", "paid"},
    {"parcel", "late", "courier", "tracking", "shipped", "address", "doorstep", "package", "arrive", "lost", "box",
     "van"},
    {"password", "login", "email", "username", "locked", "profile", "reset", "code", "phone", "delete", "settings",
     "verify"}};
const char* const filler[]{"hello", "please", "help",   "my",    "the",     "was", "with",
                           "today", "again",  "thanks", "still", "problem", "why", "need"};

// The words of a question: what stands under its markers, without the request behind them.
std::set<std::string> words(const std::string& text) {
    std::string kept;
    std::istringstream lines{text};
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("[[ ## "))
            inside = true;
        else if (line.find("`[[ ## ") != line.npos)
            inside = false;
        else if (inside)
            kept += line + "\n";
    }
    for (char& c : kept)
        c = std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
                                                        : ' ';
    std::istringstream in{kept};
    return {std::istream_iterator<std::string>{in}, {}};
}

}  // namespace

const std::vector<std::string>& learner_hints() {
    static const std::vector<std::string> hints{"Look for what the customer needs", "Ignore greetings and thanks",
                                                "Answer with one of the known labels", "Decide by the rarest words"};
    return hints;
}

std::string learner::answer(const std::vector<message>& messages, std::uint64_t rollout) const {
    const std::string& last = messages.back().content;
    auto asked = asked_fields(last);
    std::string all;
    for (const auto& m : messages) all += m.content;
    auto luck = hash_of(all, rollout);
    auto labels =
        options_.labels.empty() ? std::vector<std::string>{std::begin(kinds), std::end(kinds)} : options_.labels;

    if (options_.proposes && std::find(asked.begin(), asked.end(), "proposed_instruction") != asked.end()) {
        std::string text = "Do the task.", attempts = prompt_field(last, "attempted_instructions");
        std::string best = attempts.substr(
            std::min(attempts.size(), attempts.rfind("\n- ") == attempts.npos ? 0 : attempts.rfind("\n- ")));
        unsigned chance = prompt_field(last, "failed_examples").empty() ? 25 : 40;
        for (std::size_t i = 0; i < learner_hints().size(); ++i)
            if (best.find(learner_hints()[i]) != best.npos || hash_of(all, rollout * 31 + i + 1) % 100 < chance)
                text += " " + learner_hints()[i] + ".";
        text += " Variant " + std::to_string(luck % 1000) + ".";
        std::string out;
        for (const auto& name : asked)
            out += "[[ ## " + name + " ## ]]\n" + (name == "proposed_instruction" ? text : "-") + "\n\n";
        return out + "[[ ## completed ## ]]";
    }

    auto question = words(last);
    std::string best;
    double nearest = 0;
    for (std::size_t i = 1; i + 2 < messages.size(); i += 2) {
        auto shown = words(messages[i].content);
        std::size_t common = 0;
        for (const auto& w : shown) common += question.contains(w);
        double near = static_cast<double>(common) /
                      static_cast<double>(std::max<std::size_t>(1, shown.size() + question.size() - common));
        if (near <= nearest) continue;
        nearest = near;
        best = messages[i + 1].content;
    }
    // Noise belongs to the question, so that programs can be compared; what the instructions say makes it less, and
    // lets the learner use what it knows of its own kinds.
    std::size_t hints = 0;
    for (const auto& h : learner_hints()) hints += messages.front().content.find(h) != std::string::npos;
    unsigned noise = options_.noise + static_cast<unsigned>(options_.without_hints * (learner_hints().size() - hints) /
                                                            learner_hints().size());
    std::string joined;
    for (const auto& w : question) joined += w + " ";
    auto fate = hash_of(joined, rollout);
    bool guess = best.empty() || fate % 100 < noise;
    std::string known;
    if (options_.without_hints && options_.labels.empty() && fate / 100 % 100 < 15 * hints)
        for (int k = 0; k < 3; ++k)
            for (const char* w : words_of[k])
                if (question.contains(w)) known = kinds[k];
    std::string out;
    for (const auto& name : asked) {
        std::string value = guess ? known : prompt_field(best, name);
        if (value.empty() && !options_.labels.empty() &&
            messages.size() > 3)  // a guess is what some demonstration says
            value = prompt_field(messages[2 + 2 * (luck / 100 % ((messages.size() - 2) / 2))].content, name);
        if (value.empty()) value = labels[(luck / 100 + hash_of(name)) % labels.size()];
        out += "[[ ## " + name + " ## ]]\n" + value + "\n\n";
    }
    return out + "[[ ## completed ## ]]";
}

task<lm_response> learner::complete(lm_context, const lm_request& request) const {
    ++calls;
    const auto& last = request.messages.back().content;
    if (last.find("`[[ ## proposed_instruction ## ]]`") != last.npos) ++proposals;
    lm_response r;
    r.text = answer(request.messages, request.rollout_id);
    std::size_t bytes = 0;
    for (const auto& m : request.messages) bytes += m.content.size();
    r.usage = {1, bytes / 4, r.text.size() / 4, {}};
    co_return r;
}

learner_server::learner_server(learner_options options, std::chrono::milliseconds delay, unsigned failures,
                               unsigned short port)
    : model_{std::move(options)},
      delay_{delay},
      failures_{failures},
      server_{[this](const server_request& q) { return handle(q); }, nullptr, port} {}

server_response learner_server::handle(const server_request& q) {
    std::lock_guard lock{mutex_};
    if (q.target == "/count") {
        json::object o{{"requests", requests_}, {"repeated", repeated_}};
        return {.body = json::serialize(o)};
    }
    ++requests_;
    auto parsed = json::parse(q.body);
    const auto& body = parsed.as_object();
    std::vector<message> messages;
    for (const auto& m : body.at("messages").as_array()) {
        std::string who{m.at("role").as_string()};
        messages.push_back({who == "system"      ? role::system
                            : who == "assistant" ? role::assistant
                                                 : role::user,
                            std::string{m.at("content").as_string()}});
    }
    if (failures_ && hash_of(q.body, 7) % 100 < failures_)
        return {.status = 500, .body = R"({"error": {"message": "overloaded"}})", .delay = delay_};
    if (seen_[q.body]++ > 0) ++repeated_;
    std::size_t n = body.contains("n") ? body.at("n").to_number<std::size_t>() : 1;
    json::array choices;
    std::size_t written = 0;
    for (std::size_t i = 0; i < n; ++i) {
        std::string text = model_.answer(messages, i);
        written += text.size() / 4;
        choices.push_back(json::object{{"index", i},
                                       {"finish_reason", "stop"},
                                       {"message", json::object{{"role", "assistant"}, {"content", text}}}});
    }
    json::object answer{{"id", "c"},
                        {"object", "chat.completion"},
                        {"model", "learner"},
                        {"choices", std::move(choices)},
                        {"usage", json::object{{"prompt_tokens", q.body.size() / 4},
                                               {"completion_tokens", written},
                                               {"total_tokens", q.body.size() / 4 + written}}}};
    return {.body = json::serialize(answer), .delay = delay_};
}

std::size_t learner_server::requests() const {
    std::lock_guard lock{mutex_};
    return requests_;
}
std::size_t learner_server::repeated() const {
    std::lock_guard lock{mutex_};
    return repeated_;
}
void learner_server::forget() {
    std::lock_guard lock{mutex_};
    seen_.clear();
    requests_ = repeated_ = 0;
}

std::string json_lines(const dataset& data) {
    std::string text;
    for (const auto& e : data) text += json::serialize(e.fields) + "\n";
    return text;
}

dataset support_messages(std::size_t n, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    dataset all;
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t kind = random() % 3;
        std::string text;
        for (int w = 0; w < 8; ++w) {
            const char* word = w % 3 == 0 ? words_of[kind][random() % 12] : filler[random() % std::size(filler)];
            text += (text.empty() ? "" : " ") + std::string{word};
        }
        json::object fields{{"message", text}, {"intent", kinds[kind]}};
        all.push_back(example{fields, {"message"}});
    }
    return all;
}

}  // namespace reagent::test
