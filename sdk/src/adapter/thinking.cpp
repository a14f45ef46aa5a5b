#include "thinking.hpp"

#include <reagent/adapter/thinking.hpp>

#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace reagent {
namespace detail {
namespace {

// How models write the beginning and the end of what they think. A name in angle brackets may have blanks and
// attributes behind it.
struct spelling {
    std::string_view open;
    std::array<std::string_view, 3> close;
    bool of_prompt = false;  // servers put its beginning in the prompt
};
constexpr spelling spellings[]{
    {"<think", {"</think"}, true},
    {"<thinking", {"</thinking"}, true},
    {"<seed:think", {"</seed:think"}, true},
    {"<thought", {"</thought"}},
    {"<thoughts", {"</thoughts"}},
    {"<reasoning", {"</reasoning"}},
    {"<reason", {"</reason"}},
    {"<reflection", {"</reflection"}},
    {"<scratchpad", {"</scratchpad"}},
    {"<analysis", {"</analysis"}},
    {"<antthinking", {"</antthinking"}},
    {"<thinking_process", {"</thinking_process"}},
    {"<chain_of_thought", {"</chain_of_thought"}},
    {"<cot", {"</cot"}},
    {"<internal_thoughts", {"</internal_thoughts"}},
    {"<inner_thoughts", {"</inner_thoughts"}},
    {"<monologue", {"</monologue"}},
    {"<inner_monologue", {"</inner_monologue"}},
    {"[think]", {"[/think]"}, true},
    {"[thinking]", {"[/thinking]"}},
    {"[reasoning]", {"[/reasoning]"}},
    {"[thought]", {"[/thought]"}},
    {"\u25c1think\u25b7", {"\u25c1/think\u25b7"}, true},
    {"<|think|>", {"<|/think|>", "</|think|>"}},
    {"<|thinking|>", {"<|/thinking|>", "</|thinking|>", "<|end_thinking|>"}},
    {"<|thought|>", {"<|/thought|>", "<|end_thought|>"}},
    {"<|reasoning|>", {"<|/reasoning|>", "<|end_reasoning|>"}},
    {"<|begin_of_thinking|>", {"<|end_of_thinking|>"}},
    {"<|begin_of_thought|>", {"<|end_of_thought|>"}},
    {"<|start_thinking|>", {"<|end_thinking|>"}, true},
    {"<|channel|>analysis", {"<|end|>", "<|channel|>final", "<|start|>assistant"}},
    {"<|channel>thought", {"<channel|>"}, true},
    {"<|channel>analysis", {"<channel|>"}},
    {"<unused94>thought", {"<unused95>"}, true},
    {"<details type=\"reasoning\"", {"</details"}},
    {"<details type=\"thinking\"", {"</details"}},
    {"thinking...\n", {"...done thinking."}, true},
};
// What may stand around the answer that follows it.
constexpr std::string_view headers[]{
    "<|channel|>final",   "<|message|>",           "<|im_start|>assistant", "<|assistant|>", "<bos>", "<s>",
    "<|start|>assistant", "<|begin_of_solution|>", "<|start_response|>"};
constexpr std::size_t longest_attributes = 200;

struct found_tag {
    std::size_t size = 0;
    bool cut = false;
};

// Whether `text` begins with a tag, in any capitals. A name in angle brackets goes on to its `>`, over blanks and
// attributes.
found_tag tag_at(std::string_view text, std::string_view tag) {
    std::size_t same = 0;
    for (; same < std::min(text.size(), tag.size()); ++same) {
        const char c = text[same];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != tag[same]) return {};
    }
    if (same < tag.size()) return {0, true};
    const bool named = tag.front() == '<' && tag.find_first_of("|>") == tag.npos;
    if (!named) return {tag.size(), false};
    auto rest = text.substr(tag.size());
    if (rest.empty()) return {0, true};
    if (rest.front() != '>' && !is_space(rest.front())) return {};
    auto end = rest.substr(0, longest_attributes).find('>');
    if (end == rest.npos) return {0, rest.size() < longest_attributes && rest.find('\n') == rest.npos};
    auto attributes = trim(rest.substr(0, end));
    return {attributes.empty() || attributes.find('=') != attributes.npos ? tag.size() + end + 1 : 0, false};
}

found_tag close_at(std::string_view text, const spelling& s) {
    bool cut = false;
    for (auto close : s.close) {
        if (close.empty()) continue;
        auto t = tag_at(text, close);
        if (t.size) return t;
        cut = cut || t.cut;
    }
    return {0, cut};
}

bool begins_a_tag(char c) { return c == '<' || c == '[' || c == '\xe2' || c == '.'; }

// The second characters of what the table has besides names in angle brackets, by their bytes.
std::array<bool, 256> second_characters() {
    std::array<bool, 256> all{};
    auto add = [&](std::string_view tag) {
        if (tag.size() < 2 || tag[0] == '<') return;
        all[static_cast<unsigned char>(tag[1])] = true;
        if (tag[1] >= 'a' && tag[1] <= 'z') all[static_cast<unsigned char>(tag[1] - 'a' + 'A')] = true;
    };
    for (const auto& s : spellings) {
        add(s.open);
        for (auto close : s.close) add(close);
    }
    return all;
}

// Nearly every bracket and full stop begins something else.
bool may_be_a_tag(std::string_view text) {
    static const auto second = second_characters();
    return begins_a_tag(text[0]) &&
           (text[0] == '<' || (text.size() > 1 && second[static_cast<unsigned char>(text[1])]));
}

// A tag or a token by its own name. Between bars a name says itself whether it begins or ends: `<|end_of_thought|>`.
struct named_tag {
    std::string name{};  // "|" of a token; "": there is none, or none that speaks of thinking
    std::size_t size = 0;
    bool closes = false, cut = false;
};

named_tag named_tag_at(std::string_view text) {
    if (!text.starts_with('<')) return {};
    const auto end = text.substr(0, longest_attributes).find('>');
    const std::string inner = to_lower(text.substr(1, std::min(end, longest_attributes) - 1));
    if (!inner.empty() &&
        (is_space(inner.front()) || is_digit(inner.front()) || inner.front() == '!' || inner.front() == '?'))
        return {};
    if (end == text.npos) {
        const bool may_go_on = text.size() < longest_attributes && inner.find_first_of("<\n`") == inner.npos;
        return {.cut = may_go_on};
    }
    auto of = std::string_view{inner};
    const bool token = of.find('|') != of.npos || of.find("\uff5c") != of.npos;
    const bool slash = of.starts_with('/') || of.starts_with("|/");
    of = of.substr(of.find_first_not_of("/|") == of.npos ? 0 : of.find_first_not_of("/|"));
    const auto name = of.substr(0, of.find_first_of(" \t\r\n/"));
    const auto attributes = trim(of.substr(name.size()));
    if (!attributes.empty() && attributes.find('=') == attributes.npos) return {};
    bool speaks = false;
    for (std::string_view word : {"think", "thought", "reason"}) speaks = speaks || name.find(word) != name.npos;
    if (!speaks || name.find_first_of("<>()\"'`,;") != name.npos || attributes.ends_with('/')) return {};
    return {token ? "|" : std::string{name}, end + 1, slash || (token && name.find("end") != name.npos), false};
}

bool is_among(const std::vector<std::string>& elements, std::string_view name) {
    return std::any_of(elements.begin(), elements.end(), [&](const std::string& e) { return to_lower(e) == name; });
}

// The end of the object or list that begins here, by the rules of JSON; npos: it has none.
std::size_t end_of_json(std::string_view text, std::size_t at) {
    int depth = 0;
    for (bool quoted = false; at < text.size(); ++at) {
        const char c = text[at];
        if (quoted && c == '\\')
            ++at;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            ++depth;
        else if (!quoted && (c == '}' || c == ']') && --depth == 0)
            return at + 1;
    }
    return text.npos;
}

// What of a text quotes: fences, code between backticks on one line, JSON. In linear time: little of what only may be
// JSON is tried.
class quoting_parts {
public:
    explicit quoting_parts(std::string_view text) : text_{text} {
        find_json();
        find_fences();
        find_code();
    }

    /// Whether the tag that stands at a place is quoted: in one of them, or between quotation marks of its own.
    bool hold(std::size_t at, std::size_t size) const {
        if (is_between_marks(at, size)) return true;
        return std::any_of(parts_.begin(), parts_.end(), [&](const auto& p) { return p.first <= at && at < p.second; });
    }

private:
    void find_json() {
        constexpr int most = 16;
        int tried = 0;
        for (auto at = text_.find_first_of("{["); at != text_.npos && tried < most; ++tried) {
            auto end = end_of_json(text_, at);
            const bool is_json = end != text_.npos && parse_json(text_.substr(at, end - at));
            if (is_json && holds_a_bracket(at, end)) parts_.emplace_back(at, end);
            at = text_.find_first_of("{[", is_json ? end : at + 1);
        }
    }
    bool holds_a_bracket(std::size_t begin, std::size_t end) const {
        return text_.substr(begin + 1, end - begin - 1).find_first_of("<[.\xe2") != text_.npos;
    }
    void find_fences() {
        for (auto open = text_.find("```"); open != text_.npos;) {
            auto close = text_.find("```", open + 3);
            if (close == text_.npos) return;
            add(open, close);
            open = text_.find("```", close + 3);
        }
    }
    void find_code() {
        for (std::size_t line = 0; line < text_.size();) {
            const auto one = text_.substr(line, text_.find('\n', line) - line);
            for (auto open = one.find('`'); open != one.npos;) {
                auto close = one.find('`', open + 1);
                if (close == one.npos) break;
                add(line + open, line + close);
                open = one.find('`', close + 1);
            }
            line += one.size() + 1;
        }
    }
    void add(std::size_t begin, std::size_t end) {
        constexpr std::size_t most = 64;
        const bool matters = text_.substr(begin, end - begin).find_first_of("<[.\xe2") != text_.npos;
        if (matters && parts_.size() < most) parts_.emplace_back(begin, end);
    }
    bool is_between_marks(std::size_t at, std::size_t size) const {
        const auto before = text_.substr(0, at), behind = text_.substr(std::min(at + size, text_.size()));
        for (auto [open, close] : {std::pair<std::string_view, std::string_view>{"\"", "\""},
                                   {"'", "'"},
                                   {"`", "`"},
                                   {"\u201c", "\u201d"},
                                   {"\u2018", "\u2019"},
                                   {"\u00ab", "\u00bb"}})
            if (before.ends_with(open) && behind.starts_with(close)) return true;
        return false;
    }

    std::string_view text_;
    std::vector<std::pair<std::size_t, std::size_t>> parts_;
};

// gpt-oss as servers write it that leave its tokens out: `analysisI think.assistantfinalYes.`
std::string_view behind_bare_channels(std::string_view text) {
    constexpr std::string_view last = "assistantfinal";
    const auto answer = trim(text);
    if (!answer.starts_with("analysis") && !answer.starts_with("commentary")) return text;
    const auto at = answer.find(last);
    return at == answer.npos ? text : answer.substr(at + last.size());
}

std::size_t blanks_at(std::string_view text) {
    std::size_t n = 0;
    while (n < text.size()) {
        if (is_space(text[n]))
            ++n;
        else if (text.substr(n).starts_with("\uFEFF"))
            n += 3;
        else
            break;
    }
    return n;
}

}  // namespace

bool may_hold_thinking(std::string_view text) {
    for (char first : {'<', '[', '\xe2', '.'})
        for (auto at = text.find(first); at != text.npos; at = text.find(first, at + 1))
            if (may_be_a_tag(text.substr(at))) return true;
    return false;
}

std::string_view without_leading_blanks(std::string_view text) { return text.substr(blanks_at(text)); }

thinking_tag thinking_tag_at(std::string_view text) {
    thinking_tag best;
    for (bool closes : {false, true})
        for (std::string_view tag : {closes ? "</think" : "<think", closes ? "</thinking" : "<thinking"}) {
            auto t = tag_at(text, tag);
            if (t.size) return {t.size, closes, false};
            best.cut = best.cut || t.cut;
        }
    return best;
}

std::string leading_thinking::feed(std::string_view piece) {
    if (begun_) return std::string{piece};
    held_ += piece;
    while (!begun_ && (depth_ ? within(false) : at_beginning(false))) {
    }
    if (begun_) return given();
    if (from_ > held_.size() / 2) {
        held_.erase(0, from_);
        from_ = 0;
    }
    return {};
}

std::string leading_thinking::given() {
    std::string out{rest()};
    held_.clear();
    from_ = 0;
    return out;
}

std::string leading_thinking::finish() {
    while (!begun_ && (depth_ ? within(true) : at_beginning(true))) {
    }
    if (depth_) drop(held_.size() - from_);
    begun_ = true;
    return given();
}

// @return whether there is more to look at
bool leading_thinking::at_beginning(bool last) {
    drop(blanks_at(rest()));
    const std::string_view rest = this->rest();
    if (rest.empty()) return begun_ = last, false;
    bool cut = false;
    for (auto header : headers) {
        if (header.ends_with('>') && is_among(elements_, header.substr(1, header.size() - 2))) continue;
        auto t = tag_at(rest, header);
        cut = cut || t.cut;
        if (t.size) return drop(t.size), true;
    }
    for (std::size_t i = 0; i < std::size(spellings); ++i) {
        const auto& s = spellings[i];
        auto t = tag_at(rest, s.open);
        if ((!t.size && !t.cut) || is_among(elements_, s.open.substr(1))) continue;
        cut = cut || t.cut;
        if (!t.size) continue;
        spelling_ = i;
        name_.clear();
        depth_ = 1;
        drop(t.size);
        return true;
    }
    if (at_named(last, cut)) return true;
    begun_ = last || !cut;
    return false;
}

bool leading_thinking::at_named(bool last, bool& cut) {
    auto t = named_tag_at(rest());
    cut = cut || (t.cut && !last);
    if (!t.size || t.closes || is_among(elements_, t.name)) return false;
    name_ = t.name;
    depth_ = 1;
    drop(t.size);
    return true;
}

// Up to the tag that ends it; thinking within thinking is a part of it.
bool leading_thinking::within(bool last) {
    const auto& s = spellings[spelling_];
    const std::string_view all = this->rest();
    for (std::size_t at = 0; at < all.size(); ++at) {
        if (!begins_a_tag(all[at])) continue;
        std::string_view rest = all.substr(at);
        found_tag open, close;
        if (name_.empty())
            open = tag_at(rest, s.open), close = close_at(rest, s);
        else if (auto t = named_tag_at(rest); t.cut || t.name == name_)
            (t.closes ? close : open) = {t.size, t.cut};
        if (close.size) {
            if (--depth_ == 0) return drop(at + close.size), true;
            at += close.size - 1;
        } else if (open.size) {
            ++depth_;
            at += open.size - 1;
        } else if ((open.cut || close.cut) && !last) {
            drop(at);
            return false;
        }
    }
    drop(all.size());
    return false;
}

std::size_t behind_thinking_of_the_prompt(std::string_view text, const std::vector<std::string>& elements) {
    std::optional<quoting_parts> quoting;  // found where there is a tag
    auto is_quoted = [&](std::size_t at, std::size_t size) {
        if (!quoting) quoting.emplace(text);
        return quoting->hold(at, size);
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!may_be_a_tag(text.substr(at))) continue;
        bool known = false;
        for (const auto& s : spellings) {
            if (!s.of_prompt) continue;
            const auto open = tag_at(text.substr(at), s.open);
            const auto close = open.size ? found_tag{} : close_at(text.substr(at), s);
            known = open.size || close.size;
            if (!known) continue;
            if (is_quoted(at, open.size + close.size)) break;
            return open.size ? text.npos : at + close.size;
        }
        if (known) continue;
        auto t = named_tag_at(text.substr(at));
        if (!t.size || is_among(elements, t.name) || is_quoted(at, t.size)) continue;
        return t.closes ? at + t.size : text.npos;
    }
    return text.npos;
}

}  // namespace detail

spoken_text without_thinking(std::string_view text) {
    text = detail::behind_bare_channels(text);
    if (auto at = detail::behind_thinking_of_the_prompt(text); at != text.npos) text.remove_prefix(at);
    detail::leading_thinking leading;
    std::string rest = leading.feed(text);
    rest += leading.finish();
    spoken_text spoken{{}, leading.is_open()};
    std::string_view s = rest;
    int depth = 0;
    std::optional<detail::quoting_parts> quoting;
    while (!s.empty()) {
        auto at = std::min(s.find('<'), s.size());
        if (depth == 0) spoken.text += s.substr(0, at);
        s.remove_prefix(at);
        if (s.empty()) break;
        auto tag = detail::thinking_tag_at(s);
        if (tag.size && !quoting) quoting.emplace(rest);
        const bool quoted = tag.size && depth == 0 && quoting->hold(rest.size() - s.size(), tag.size);
        const bool counts = tag.size && !quoted && (depth || !tag.closes);
        if (counts) depth += tag.closes ? -1 : 1;
        const std::size_t n = counts ? tag.size : 1;
        if (!counts && depth == 0) spoken.text += s.substr(0, n);
        s.remove_prefix(n);
    }
    spoken.open = spoken.open || depth > 0;
    spoken.text = std::string{trim(detail::without_trailers(spoken.text))};
    return spoken;
}

}  // namespace reagent
