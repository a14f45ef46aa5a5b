#include <reagent/adapter/field_stream.hpp>

#include "../base/text.hpp"
#include "../schema/unicode.hpp"
#include "chat_scanner.hpp"

#include <algorithm>
#include <set>

namespace reagent {
namespace {

// One field as it grows: without the spaces around it, its escaped markers as they are meant. Linear, whatever the
// pieces.
class growing_field {
public:
    void begin(const signature_field* f, bool trimmed = true) {
        field_ = f;
        trimmed_ = trimmed;
        started_ = !trimmed;
        ready_.clear();
        spaces_.clear();
        if (f && !seen_.insert(f->name).second) field_ = nullptr;  // a second time does not count
    }
    bool open() const { return field_ != nullptr; }

    void put(std::string_view text, std::vector<field_piece>& out) {
        if (!field_ || text.empty()) return;
        unescaper_.feed(text, ready_);
        give(out);
    }

    void end(std::vector<field_piece>& out) {
        if (!field_) return;
        unescaper_.finish(ready_);
        give(out);
        field_ = nullptr;
    }

private:
    void give(std::vector<field_piece>& out) {
        if (!started_) {
            ready_.erase(0, ready_.size() - trim(ready_ + "x").size() + 1);
            started_ = !ready_.empty();
        }
        std::size_t end = ready_.size();
        if (trimmed_)
            while (end > 0 && is_space(ready_[end - 1])) --end;
        if (end > 0) {
            std::string text = std::move(spaces_);
            text.append(ready_, 0, end);
            out.push_back({field_->name, std::move(text)});
            spaces_.clear();
        }
        spaces_.append(ready_, end);
        ready_.clear();
    }

    const signature_field* field_ = nullptr;
    bool trimmed_ = true, started_ = false;
    detail::marker_unescaper unescaper_;
    std::string ready_;
    std::string spaces_;  // that end the field, if nothing follows
    std::set<std::string> seen_;
};

}  // namespace

struct field_stream::reader {
    explicit reader(const signature& s, std::vector<std::string> elements = {})
        : outputs{s.outputs}, leading{std::move(elements)} {}
    virtual ~reader() = default;
    virtual void feed(std::string_view text, std::vector<field_piece>& out) = 0;
    virtual void finish(std::vector<field_piece>& out) { field.end(out); }

    const signature_field* output(std::string_view name) const {
        for (const auto& f : outputs)
            if (f.name == name) return &f;
        return nullptr;
    }

    std::vector<signature_field> outputs;
    detail::leading_thinking leading;
    growing_field field;
};

namespace {

struct chat_reader final : field_stream::reader, detail::chat_scanner::sink {
    explicit chat_reader(const signature& s) : reader{s} {}

    void feed(std::string_view text, std::vector<field_piece>& out) override {
        out_ = &out;
        scanner_.feed(text);
    }
    void finish(std::vector<field_piece>& out) override {
        out_ = &out;
        scanner_.finish();
        field.end(out);
    }

private:
    bool begin(std::string_view name) override {
        field.end(*out_);
        field.begin(output(name));
        return field.open();
    }
    void text(std::string_view piece) override { field.put(piece, *out_); }
    void completed() override { field.end(*out_); }

    std::vector<field_piece>* out_ = nullptr;
    detail::chat_scanner scanner_{*this};
};

// The thinking before an answer.
class thinking_filter {
public:
    // Whether the character is a part of it, or of a tag.
    bool takes(char c) {
        if (c == '<') tag_.clear();
        if (c == '<' || !tag_.empty()) {
            tag_ += c;
            auto tag = detail::thinking_tag_at(tag_);
            if (tag.cut) return true;
            tag_.clear();
            if (tag.size && !tag.closes) ++depth_;
            if (tag.size && tag.closes && depth_) --depth_;
            if (tag.size) return true;
        }
        return depth_ > 0;
    }

private:
    std::string tag_;
    int depth_ = 0;
};

// Escapes in a text of JSON, as `repair_json` reads them: what is none stays, half a surrogate pair becomes U+FFFD.
class json_escapes {
public:
    // Whether the character is a part of one. What a part that was none leaves is appended first.
    bool takes(char c, std::string& out) {
        if (place_ == place::digits) return digit(c, out);
        if (place_ == place::backslash) {
            place_ = place::none;
            if (c == 'u') {
                place_ = place::digits;
                digits_.clear();
                return true;
            }
            lone(out);
            constexpr std::string_view letters = "ntrbf\"'/\\", meanings = "\n\t\r\b\f\"'/\\";
            if (auto at = letters.find(c); at != letters.npos)
                out += meanings[at];
            else
                (out += '\\') += c;
            return true;
        }
        if (c == '\\') {
            place_ = place::backslash;
            return true;
        }
        lone(out);
        return false;
    }

private:
    enum class place { none, backslash, digits };

    bool digit(char c, std::string& out) {
        if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) {
            lone(out);
            out += "\\u" + digits_;
            place_ = place::none;
            return takes(c, out);
        }
        digits_ += c;
        if (digits_.size() < 4) return true;
        place_ = place::none;
        auto code = static_cast<char32_t>(std::strtoul(digits_.c_str(), nullptr, 16));
        if (high_ && code >= 0xDC00 && code < 0xE000)
            append_utf8(out, 0x10000 + ((std::exchange(high_, 0) - 0xD800) << 10) + (code - 0xDC00));
        else {
            lone(out);
            if (code >= 0xD800 && code < 0xDC00)
                high_ = code;
            else
                append_utf8(out, code >= 0xDC00 && code < 0xE000 ? 0xFFFD : code);
        }
        return true;
    }
    void lone(std::string& out) {
        if (std::exchange(high_, 0)) append_utf8(out, 0xFFFD);
    }

    place place_ = place::none;
    std::string digits_;
    char32_t high_ = 0;
};

// The members of the outermost object.
struct json_reader final : field_stream::reader {
    using reader::reader;

    void feed(std::string_view text, std::vector<field_piece>& out) override {
        for (char c : text) step(c, out);
        flush(out);
    }
    void finish(std::vector<field_piece>& out) override {
        flush(out);
        field.end(out);
    }

private:
    enum class state { before, key_or_end, key, bare_key, colon, value, text, raw, after, done };

    void flush(std::vector<field_piece>& out) {
        field.put(ready_, out);
        ready_.clear();
    }

    void close(std::vector<field_piece>& out) {
        flush(out);
        field.end(out);
    }

    void step(char c, std::vector<field_piece>& out) {
        switch (state_) {
            case state::before:
                if (!thinking_.takes(c) && c == '{') state_ = state::key_or_end;
                break;
            case state::key_or_end:
            case state::after:
                if (c == '}')
                    state_ = state::done;
                else if (c == '"' || c == '\'') {
                    quote_ = c;
                    key_.clear();
                    escapes_ = {};
                    state_ = state::key;
                } else if (is_word(c)) {
                    key_ = c;
                    state_ = state::bare_key;
                }
                break;
            case state::key:
                if (escapes_.takes(c, key_)) break;
                if (c == quote_)
                    state_ = state::colon;
                else if (key_.size() < 256)
                    key_ += c;
                break;
            case state::bare_key:
                if (is_word(c) && key_.size() < 256)
                    key_ += c;
                else
                    state_ = c == ':' ? state::value : state::colon;
                break;
            case state::colon:
                if (c == ':') state_ = state::value;
                break;
            case state::value:
                if (is_space(c)) break;
                depth_ = 0;
                in_text_ = escape_ = false;
                escapes_ = {};
                if (c == '"' || c == '\'') {
                    quote_ = c;
                    const auto* f = output(key_);
                    // A text is what stands between the quotes; what is read from one is not.
                    field.begin(f, !f || (f->kind != field_kind::text && f->kind != field_kind::optional_text));
                    state_ = state::text;
                } else {
                    field.begin(output(key_));
                    state_ = state::raw;
                    raw(c, out);
                }
                break;
            case state::text: inside_text(c, out); break;
            case state::raw: raw(c, out); break;
            case state::done: break;
        }
    }

    void inside_text(char c, std::vector<field_piece>& out) {
        if (escapes_.takes(c, ready_)) return;
        if (c == quote_) {
            close(out);
            state_ = state::after;
        } else
            ready_ += c;
    }

    void raw(char c, std::vector<field_piece>& out) {
        if (in_text_) {
            if (escape_)
                escape_ = false;
            else if (c == '\\')
                escape_ = true;
            else if (c == quote_)
                in_text_ = false;
        } else if (c == '"' || c == '\'') {
            in_text_ = true;
            quote_ = c;
        } else if (c == '{' || c == '[')
            ++depth_;
        else if (depth_ == 0 && (c == ',' || c == '}')) {
            close(out);
            state_ = c == ',' ? state::after : state::done;
            return;
        } else if (c == '}' || c == ']')
            --depth_;
        ready_ += c;
    }

    state state_ = state::before;
    std::string key_, ready_;
    char quote_ = '"';
    json_escapes escapes_;
    thinking_filter thinking_;
    int depth_ = 0;
    bool escape_ = false, in_text_ = false;
};

// `<name>` ... `</name>`, outermost.
struct xml_reader final : field_stream::reader {
    explicit xml_reader(const signature& s) : reader{s, detail::output_elements(s)} {}

    void feed(std::string_view text, std::vector<field_piece>& out) override { read_all(text, false, out); }
    void finish(std::vector<field_piece>& out) override {
        read_all({}, true, out);
        field.end(out);
    }

private:
    void read_all(std::string_view text, bool last, std::vector<field_piece>& out) {
        rest_ += text;
        std::string_view rest = rest_;
        while (read(rest, last, out)) {
        }
        rest_.erase(0, rest_.size() - rest.size());
    }

    // One step: takes from `rest`; false when there is nothing to read, or not enough.
    bool read(std::string_view& rest, bool last, std::vector<field_piece>& out) {
        if (rest.empty()) return false;
        if (thinking_) return skip_thinking(rest);
        if (!until_.empty()) return within(rest, last, out);
        auto take = [&](std::size_t n) {
            text(rest.substr(0, n), out);
            rest.remove_prefix(n);
            return true;
        };
        std::size_t special = rest.find_first_of(open_.empty() ? "<" : "<&");
        if (special != 0) return take(std::min(special, rest.size()));
        constexpr std::size_t longest_tag = 512, longest_entity = 12;
        bool tag = rest.front() == '<';
        if (tag && begins(rest)) return true;
        const std::size_t longest = tag ? longest_tag : longest_entity;
        std::size_t end = rest.substr(0, longest + 1).find(tag ? '>' : ';');
        if (!open_.empty() && is_a_stray_sign(rest, end)) return take(1);
        if (end == rest.npos) {  // it is none, or not all of it is there
            if (!last && rest.size() <= longest) return false;
            return take(1);
        }
        std::string token{rest.substr(0, end + 1)};
        if (open_.empty() && detail::thinking_tag_at(token).size &&
            !output(token.substr(1, token.find_first_of(" \t\r\n>") - 1))) {
            thinking_ = !detail::thinking_tag_at(token).closes;
            rest.remove_prefix(end + 1);
            return true;
        }
        rest.remove_prefix(end + 1);
        if (!tag) {
            after_cr_ = false;
            field.put(detail::xml_meaning(token), out);
        } else if (open_.empty()) {
            std::string name = token.substr(1, token.find_first_of(" \t\r\n/>", 1) - 1);
            if (const auto* f = output(name); f && !token.ends_with("/>")) {
                open_ = name;
                field.begin(f);
            }
        } else if (token.starts_with("</" + open_) && trim(std::string_view{token}.substr(open_.size() + 2)) == ">") {
            field.end(out);
            open_.clear();
        } else
            text(token, out);
        return true;
    }

    // Whether a bracket or an ampersand in a text begins neither a tag nor a reference, by what is there of it.
    static bool is_a_stray_sign(std::string_view rest, std::size_t end) {
        if (rest.front() == '<') {
            const bool begins = rest.size() < 2 || is_alpha(rest[1]) || rest[1] == '/' || rest[1] == '!' ||
                                rest[1] == '_' || static_cast<unsigned char>(rest[1]) >= 0x80;
            return !begins || rest.substr(0, end).find('<', 1) != rest.npos;
        }
        const auto other = rest.substr(0, end).find_first_of(" \t\r\n<>&\"'/,.=", 1);
        return other != rest.npos;
    }

    // A comment, or text that is taken as it stands. Half of a beginning is waited for by the search for its `>`.
    bool begins(std::string_view& rest) {
        constexpr std::string_view comment = "<!--", raw = "<![CDATA[";
        if (rest.starts_with(comment)) {
            until_ = "-->";
            rest.remove_prefix(comment.size());
        } else if (rest.starts_with(raw)) {
            until_ = "]]>";
            rest.remove_prefix(raw.size());
        }
        return !until_.empty();
    }

    bool within(std::string_view& rest, bool last, std::vector<field_piece>& out) {
        auto end = rest.find(until_);
        bool shown = until_ == "]]>";
        std::size_t n = end != rest.npos ? end
                        : last           ? rest.size()
                                         : rest.size() - std::min<std::size_t>(2, rest.size());
        if (shown) text(rest.substr(0, n), out);
        rest.remove_prefix(n);
        if (end == rest.npos) return false;
        rest.remove_prefix(until_.size());
        until_.clear();
        return true;
    }

    bool skip_thinking(std::string_view& rest) {
        auto at = rest.find('<');
        rest.remove_prefix(std::min(at, rest.size()));
        if (rest.empty()) return false;
        auto tag = detail::thinking_tag_at(rest);
        if (tag.cut) return false;
        if (tag.size) thinking_ += tag.closes ? -1 : 1;
        rest.remove_prefix(std::max<std::size_t>(tag.size, 1));
        return true;
    }

    // XML has one form of line ends.
    void text(std::string_view some, std::vector<field_piece>& out) {
        std::string lines;
        for (char c : some) {
            if (c == '\n' && std::exchange(after_cr_, false)) continue;
            after_cr_ = c == '\r';
            lines += c == '\r' ? '\n' : c;
        }
        field.put(lines, out);
    }

    std::string rest_, open_, until_;
    int thinking_ = 0;
    bool after_cr_ = false;
};

}  // namespace

field_stream::field_stream(adapter a, const signature& s) {
    switch (a) {
        case adapter::chat: reader_ = std::make_unique<chat_reader>(s); break;
        case adapter::json: reader_ = std::make_unique<json_reader>(s); break;
        case adapter::xml: reader_ = std::make_unique<xml_reader>(s); break;
    }
}
field_stream::field_stream(field_stream&&) noexcept = default;
field_stream& field_stream::operator=(field_stream&&) noexcept = default;
field_stream::~field_stream() = default;

std::vector<field_piece> field_stream::feed(std::string_view text) {
    std::vector<field_piece> out;
    reader_->feed(reader_->leading.feed(text), out);
    return out;
}

std::vector<field_piece> field_stream::finish() {
    std::vector<field_piece> out;
    reader_->feed(reader_->leading.finish(), out);
    reader_->finish(out);
    return out;
}

}  // namespace reagent
