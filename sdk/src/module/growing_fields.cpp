#include <reagent/module/growing_fields.hpp>

#include <boost/json.hpp>

#include "../base/digest.hpp"
#include "../base/utf8.hpp"

#include <array>
#include <optional>

namespace reagent {
namespace {

std::string text_of(std::vector<message> messages) {
    lm_request all;
    all.messages = std::move(messages);
    return json::serialize(to_json(all));
}

constexpr std::string_view between_parts = "\n\n";
constexpr std::string_view before_messages = R"({"messages":[)", behind_messages = "]}";

std::string list_text(std::vector<message> messages) {
    std::string text = text_of(std::move(messages));
    text.resize(text.size() - behind_messages.size());
    return text.substr(before_messages.size());
}

// Digests that have taken in a system message: it is the largest part of most prompts, and the same in every run of a
// program.
const detail::digest& begun_with(const message& system) {
    struct begun {
        message system;
        detail::digest so_far;
    };
    thread_local std::array<std::optional<begun>, 4> latest;
    thread_local std::size_t next = 0;
    for (const auto& b : latest)
        if (b && b->system == system) return b->so_far;
    auto& slot = latest[next++ % latest.size()];
    slot.emplace(begun{system, {}});
    slot->so_far.add("|");
    slot->so_far.add(before_messages);
    slot->so_far.add(list_text({system}));
    return slot->so_far;
}

// chained_digest({}, text_of(messages))
std::string digest_of(std::vector<message> messages) {
    constexpr std::size_t most = 64 * 1024;
    if (messages.size() < 2 || messages[0].role != role::system || messages[0].content.size() > most)
        return chained_digest({}, text_of(std::move(messages)));
    thread_local detail::digest all;
    all.begin(begun_with(messages[0]));
    messages.erase(messages.begin());
    all.add(",");
    all.add(list_text(std::move(messages)));
    all.add(behind_messages);
    return all.end();
}

}  // namespace

void growing_fields::add(further_fields more) {
    if (!more.empty()) parts_.push_back(std::move(more));
}

void growing_fields::clear() {
    parts_.clear();
    for (auto& w : words_) w = {};
    trajectory_ = {};
    cleared_ = true;
}

growing_fields::words& growing_fields::put(adapter a) {
    words& w = words_[static_cast<std::size_t>(a)];
    while (w.ends.size() < parts_.size()) {
        std::string more = format_further(a, parts_[w.ends.size()]);
        if (!w.text.empty()) more.insert(0, between_parts);
        w.text += more;
        w.ends.push_back(w.text.size());
        if (a == adapter::chat && !cleared_) trajectory_ = trajectory_.followed_by(detail::valid_utf8(std::move(more)));
    }
    return w;
}

const std::string& growing_fields::digest(adapter a) {
    words& w = put(a);
    for (; w.digested < w.ends.size(); ++w.digested) {
        const std::size_t end_before = w.digested ? w.ends[w.digested - 1] : 0;
        const auto begin = end_before ? end_before + between_parts.size() : 0;
        w.digest = chained_digest(w.digest, std::string_view{w.text}.substr(begin, w.ends[w.digested] - begin));
    }
    return w.digest;
}

const std::string& growing_fields::text(adapter a) { return put(a).text; }

recorded_text growing_fields::trajectory() {
    const auto& w = put(adapter::chat);
    return cleared_ ? recorded_text{w.text} : trajectory_;  // without its beginning it does not simply go on
}

std::string growing_fields::fingerprint(const std::shared_ptr<const prompt_template>& prompt,
                                        const json::object& inputs, const std::vector<json::object>& history,
                                        const further_fields& past) {
    const std::string& steps = digest(prompt->adapter());
    if (!history.empty() || !past.empty())
        return chained_digest(text_of(prompt->messages(inputs, history, past)), steps);
    if (prompt != prompt_ || inputs != inputs_) {
        around_ = digest_of(prompt->messages(inputs));
        prompt_ = prompt;
        inputs_ = inputs;
    }
    return chained_digest(around_, steps);
}

}  // namespace reagent
