#include "learner.hpp"

#include <random>
#include <set>
#include <sstream>

namespace reagent::test {
namespace {

const char* const kinds[]{"billing", "delivery", "account"};
const char* const words_of[3][12]{
    {"invoice", "charged", "refund", "payment", "card", "price", "twice", "receipt", "bank", "discount", "fee", "paid"},
    {"parcel", "late", "courier", "tracking", "shipped", "address", "doorstep", "package", "arrive", "lost", "box", "van"},
    {"password", "login", "email", "username", "locked", "profile", "reset", "code", "phone", "delete", "settings", "verify"}};
const char* const filler[]{"hello", "please", "help",   "my",    "the",     "was", "with",
                           "today", "again",  "thanks", "still", "problem", "why", "need"};

std::string field(const std::string& text, const std::string& name) {
    std::string marker = "[[ ## " + name + " ## ]]";
    auto at = text.find(marker);
    if (at == text.npos) return {};
    at += marker.size();
    auto end = text.find("[[ ## ", at);
    std::string value = text.substr(at, end == text.npos ? end : end - at);
    auto begin = value.find_first_not_of(" \n"), last = value.find_last_not_of(" \n");
    return begin == value.npos ? "" : value.substr(begin, last - begin + 1);
}

std::set<std::string> words(const std::string& text) {
    std::istringstream in{text};
    return {std::istream_iterator<std::string>{in}, {}};
}

}  // namespace

task<lm_response> learner::complete(lm_context, const lm_request& request) const {
    ++calls;
    auto question = words(field(request.messages.back().content, "message"));
    std::string all;
    for (const auto& m : request.messages) all += m.content;
    auto luck = std::hash<std::string>{}(all) ^ (request.rollout_id * 0x9E3779B97F4A7C15ULL);
    std::string best;
    double nearest = 0;
    for (std::size_t i = 1; i + 2 < request.messages.size(); i += 2) {
        auto shown = words(field(request.messages[i].content, "message"));
        std::size_t common = 0;
        for (const auto& w : shown) common += question.contains(w);
        double near = static_cast<double>(common) / static_cast<double>(std::max<std::size_t>(1, shown.size() + question.size() - common));
        if (near <= nearest) continue;
        nearest = near;
        best = field(request.messages[i + 1].content, "intent");
    }
    if (best.empty() || luck % 100 < noise_) best = kinds[(luck / 100) % 3];
    lm_response r;
    r.text = "[[ ## intent ## ]]\n" + best + "\n\n[[ ## completed ## ]]";
    r.usage = {1, 50, 5, {}};
    co_return r;
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
