#include <reagent/module/growing_fields.hpp>

#include <boost/json.hpp>

#include "../base/utf8.hpp"

namespace reagent {
namespace {

std::string text_of(std::vector<message> messages) {
    lm_request all;
    all.messages = std::move(messages);
    return json::serialize(to_json(all));
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
    for (; w.parts < parts_.size(); ++w.parts) {
        std::string more = format_further(a, parts_[w.parts]);
        w.digest = chained_digest(w.digest, more);
        if (!w.text.empty()) more.insert(0, "\n\n");
        w.text += more;
        if (a == adapter::chat && !cleared_) trajectory_ = trajectory_.followed_by(detail::valid_utf8(std::move(more)));
    }
    return w;
}

const std::string& growing_fields::text(adapter a) { return put(a).text; }

recorded_text growing_fields::trajectory() {
    const auto& w = put(adapter::chat);
    return cleared_ ? recorded_text{w.text} : trajectory_;  // without its beginning it does not simply go on
}

std::string growing_fields::fingerprint(const std::shared_ptr<const prompt_template>& prompt, const json::object& inputs,
                                        const std::vector<json::object>& history, const further_fields& past) {
    const std::string& steps = put(prompt->adapter()).digest;
    if (!history.empty() || !past.empty()) return chained_digest(text_of(prompt->messages(inputs, history, past)), steps);
    if (prompt != prompt_ || inputs != inputs_) {
        around_ = chained_digest({}, text_of(prompt->messages(inputs)));
        prompt_ = prompt;
        inputs_ = inputs;
    }
    return chained_digest(around_, steps);
}

}  // namespace reagent
