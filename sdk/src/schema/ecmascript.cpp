// The grammar of ECMAScript's expressions (ECMA 262, section 22.2.1), to say whether a text is one; nothing is built.
#include "pattern.hpp"

#include "../base/text.hpp"
#include "../base/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reagent {
namespace {

constexpr int max_groups_within_groups = 200;

class grammar {
public:
    explicit grammar(std::string_view text) : text_{text} {}

    bool holds() {
        if (!alternatives(0) || at_ != text_.size()) return false;
        return std::all_of(referred_.begin(), referred_.end(), [&](const std::string& name) {
            return std::find(names_.begin(), names_.end(), name) != names_.end();
        });
    }

private:
    bool alternatives(int depth) {
        if (depth > max_groups_within_groups) return false;
        while (at_ < text_.size() && peek() != ')')
            if (!accept('|') && !term(depth)) return false;
        return true;
    }

    bool term(int depth) {
        if (accept('^') || accept('$') || accept("\\b") || accept("\\B")) return true;  // not to be repeated
        bool may_repeat = true;
        if (peek() == '(') {
            if (!group(depth, may_repeat)) return false;
        } else if (peek() == '[') {
            if (!character_class()) return false;
        } else if (peek() == '\\') {
            if (!escape(false)) return false;
        } else if (std::string_view{"*+?)]}{"}.find(peek()) != std::string_view::npos) {
            return false;
        } else {
            ++at_;
        }
        auto before = at_;
        return quantifier() && (may_repeat || at_ == before);
    }

    bool group(int depth, bool& may_repeat) {
        ++at_;
        if (accept('?')) {
            if (accept("<=") || accept("<!") || accept('=') || accept('!'))
                may_repeat = false;
            else if (accept('<')) {
                auto name = group_name();
                if (!name || std::find(names_.begin(), names_.end(), *name) != names_.end()) return false;
                names_.push_back(*name);
            } else if (!modifiers())
                return false;
        }
        return alternatives(depth + 1) && accept(')');
    }

    // "(?:", "(?i:", "(?s-m:".
    bool modifiers() {
        std::string seen;
        for (bool off = false; at_ < text_.size() && peek() != ':'; ++at_) {
            if (peek() == '-' && !off) {
                off = true;
                if (at_ + 1 < text_.size() && text_[at_ + 1] == ':' && seen.empty()) return false;
                continue;
            }
            if (std::string_view{"ims"}.find(peek()) == std::string_view::npos || seen.find(peek()) != seen.npos)
                return false;
            seen += peek();
        }
        return accept(':');
    }

    std::optional<std::string> group_name() {
        auto end = text_.find('>', at_);
        if (end == text_.npos || end == at_ || is_digit(peek())) return {};
        std::string name{text_.substr(at_, end - at_)};
        for (char c : name)
            if (!is_word(c) && c != '$' && static_cast<unsigned char>(c) < 0x80) return {};
        at_ = end + 1;
        return name;
    }

    bool quantifier() {
        if (accept('*') || accept('+') || accept('?')) return accept('?'), true;
        if (peek() != '{') return true;
        ++at_;
        auto least = number();
        if (!least) return false;
        auto most = least;
        if (accept(',')) {
            most = number();
            if (most && *most < *least) return false;
        }
        if (!accept('}')) return false;
        accept('?');
        return true;
    }

    std::optional<std::uint64_t> number() {
        std::uint64_t n = 0;
        auto begin = at_;
        for (; at_ < text_.size() && is_digit(peek()); ++at_)
            n = std::min<std::uint64_t>(n * 10 + static_cast<unsigned>(peek() - '0'), 1'000'000'000);
        return at_ > begin ? std::optional{n} : std::nullopt;
    }

    bool character_class() {
        ++at_;
        accept('^');
        std::string_view first;  // what a range may begin with
        while (at_ < text_.size() && peek() != ']') {
            if (peek() == '\\') {
                if (!escape(true)) return false;
                first = {};
                continue;
            }
            auto c = character(at_);
            auto last = c == "-" && !first.empty() ? character(at_ + 1) : std::string_view{};
            bool range = !last.empty() && last != "]" && last != "\\";
            if (range && last < first) return false;  // the order of bytes is that of code points
            at_ += c.size() + (range ? last.size() : 0);
            first = range ? std::string_view{} : c;
        }
        return accept(']');
    }

    std::string_view character(std::size_t at) const {
        return at < text_.size() ? text_.substr(at, std::max<std::size_t>(1, detail::utf8_sequence(text_, at)))
                                 : std::string_view{};
    }

    bool escape(bool in_class) {
        ++at_;
        if (at_ >= text_.size()) return false;
        char c = text_[at_++];
        if (std::string_view{"^$\\.*+?()[]{}|/dDwWsSfnrtv-"}.find(c) != std::string_view::npos)
            return c != '-' || in_class;
        if (c == 'b') return in_class;
        if (c == 'c') return at_ < text_.size() && is_alpha(text_[at_++]);
        if (c == 'x') return hex(2);
        if (c == 'u') return accept('{') ? hex_in_braces() : hex(4);
        if (c == 'p' || c == 'P') return property();
        if (c == 'k') {
            if (in_class || !accept('<')) return false;
            auto name = group_name();
            if (name) referred_.push_back(*name);
            return name.has_value();
        }
        if (c == '0') return at_ >= text_.size() || !is_digit(peek());
        if (is_digit(c)) {
            while (at_ < text_.size() && is_digit(peek())) ++at_;
            return !in_class;
        }
        return false;
    }

    bool hex(std::size_t n) {
        for (; n > 0; --n)
            if (at_ >= text_.size() || !is_hex(text_[at_++])) return false;
        return true;
    }
    bool hex_in_braces() {
        auto begin = at_;
        while (at_ < text_.size() && is_hex(peek())) ++at_;
        return at_ > begin && accept('}');
    }
    bool property() {
        if (!accept('{')) return false;
        auto begin = at_;
        while (at_ < text_.size() && (is_word(peek()) || peek() == '=')) ++at_;
        return at_ > begin && accept('}');
    }

    static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool accept(char c) { return accept(std::string_view{&c, 1}); }
    bool accept(std::string_view s) {
        if (!text_.substr(at_).starts_with(s)) return false;
        at_ += s.size();
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<std::string> names_, referred_;
};

}  // namespace

bool is_ecmascript_pattern(std::string_view text) { return grammar{text}.holds(); }

}  // namespace reagent
