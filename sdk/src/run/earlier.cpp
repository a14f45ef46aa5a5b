#include "earlier.hpp"

#include "../base/utf8.hpp"

namespace reagent::detail {
namespace {

std::size_t bytes_of(const lm_request& r) {
    std::size_t n = sizeof r;
    for (const auto& m : r.messages) n += sizeof m + m.content.size();
    return n;
}

// Of what a request says itself; the rest was looked at before.
bool is_valid(const recorded_request& r) {
    for (const auto& p : r.parts())
        for (const auto& piece : p.content.pieces())
            if (!is_valid_utf8(piece.text)) return false;
    return true;
}

std::shared_ptr<const lm_request> repaired(const lm_request& r) {
    lm_request copy = r;
    for (auto& m : copy.messages) m.content = valid_utf8(std::move(m.content));
    return std::make_shared<const lm_request>(std::move(copy));
}

}  // namespace

std::shared_ptr<const recorded_request> earlier_requests::record(std::string_view branch, std::string_view path,
                                                                 std::shared_ptr<const lm_request> whole,
                                                                 std::uint64_t effect) {
    if (repairs_) whole = repaired(*whole);
    auto make = [&]() -> std::shared_ptr<const recorded_request> {
        auto* before = latest_.find(branch, path);
        if (!before || !before->what.recorded->effect())
            return std::make_shared<const recorded_request>(*whole, effect);
        auto& b = before->what;
        if (!b.whole) b.whole = std::make_shared<const lm_request>(b.recorded->whole());
        return std::make_shared<const recorded_request>(*whole, effect, b.recorded, *b.whole);
    };
    auto recorded = make();
    if (!repairs_ && !is_valid(*recorded)) {
        repairs_ = true;
        whole = repaired(*whole);
        recorded = make();
    }
    remember(branch, path, recorded, std::move(whole));
    return recorded;
}

void earlier_requests::remember(std::string_view branch, std::string_view path,
                                std::shared_ptr<const recorded_request> recorded,
                                std::shared_ptr<const lm_request> whole) {
    std::size_t bytes = whole ? bytes_of(*whole) : 0;
    latest_.put(branch, path, {std::move(recorded), std::move(whole)}, bytes);
}

bool earlier_requests::is_same(std::string_view branch, std::string_view path, const recorded_request& recorded,
                               const lm_request& now) {
    auto* before = latest_.find(branch, path);
    bool follows = before && recorded.earlier() && before->what.recorded == recorded.earlier();
    if (follows && !before->what.whole)
        before->what.whole = std::make_shared<const lm_request>(before->what.recorded->whole());
    return recorded.is(now, follows ? before->what.whole.get() : nullptr);
}

recorded_text earlier_texts::record(std::string_view branch, std::string_view path, std::string whole) {
    if (whole.empty()) return {};
    whole = valid_utf8(std::move(whole));
    auto* before = latest_.find(branch, path);
    auto made = (before ? recorded_text::after(before->what.recorded, before->what.whole, whole) : recorded_text{whole})
                    .with_key();
    std::size_t bytes = whole.size();
    latest_.put(branch, path, {made, std::move(whole)}, bytes);
    return made;
}

}  // namespace reagent::detail
