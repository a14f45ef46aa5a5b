#include <reagent/adapter/field_stream.hpp>

#include "../text.hpp"
#include "formats.hpp"

#include <algorithm>
#include <set>

namespace reagent {
namespace {

void append_utf8(std::string& out, char32_t c) {
    if (c < 0x80)
        out += static_cast<char>(c);
    else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

// One field as it grows: without the spaces around it, its escaped markers as they are meant.
class growing_field {
public:
    void begin(const signature_field* f, bool trimmed = true) {
        field_ = f;
        trimmed_ = trimmed;
        started_ = !trimmed;
        held_.clear();
        if (f && !seen_.insert(f->name).second) field_ = nullptr;  // a second time does not count
    }
    bool open() const { return field_ != nullptr; }

    void put(std::string_view text, std::vector<field_piece>& out) {
        if (!field_ || text.empty()) return;
        held_ += text;
        if (!started_) {
            held_.erase(0, held_.size() - trim(held_ + "x").size() + 1);
            if (held_.empty()) return;
            started_ = true;
        }
        std::size_t ready = detail::cut_marker(held_);
        if (trimmed_)
            while (ready > 0 && is_space(held_[ready - 1])) --ready;
        // Never half a character.
        std::size_t back = ready;
        while (back > 0 && ready - back < 3 && (static_cast<unsigned char>(held_[back - 1]) & 0xC0) == 0x80) --back;
        if (back > 0 && ready == held_.size()) {
            auto lead = static_cast<unsigned char>(held_[back - 1]);
            std::size_t needs = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
            if (needs > ready - back + 1) ready = back - 1;
        }
        give(ready, out);
    }

    void end(std::vector<field_piece>& out) {
        if (!field_) return;
        std::size_t size = held_.size();
        if (trimmed_)
            while (size > 0 && is_space(held_[size - 1])) --size;
        give(size, out);
        field_ = nullptr;
    }

private:
    void give(std::size_t n, std::vector<field_piece>& out) {
        if (n == 0) return;
        out.push_back({field_->name, detail::unescape_markers(held_.substr(0, n))});
        held_.erase(0, n);
    }

    const signature_field* field_ = nullptr;
    bool trimmed_ = true, started_ = false;
    std::string held_;
    std::set<std::string> seen_;
};

}  // namespace

struct field_stream::reader {
    explicit reader(const signature& s) : outputs{s.outputs} {}
    virtual ~reader() = default;
    virtual void feed(std::string_view text, std::vector<field_piece>& out) = 0;
    virtual void finish(std::vector<field_piece>& out) { field.end(out); }

    const signature_field* output(std::string_view name) const {
        for (const auto& f : outputs)
            if (f.name == name) return &f;
        return nullptr;
    }

    std::vector<signature_field> outputs;
    growing_field field;
};

namespace {

// `[[ ## name ## ]]` on a line of its own, or with the field's first words behind it.
struct chat_reader final : field_stream::reader {
    using reader::reader;

    void feed(std::string_view text, std::vector<field_piece>& out) override {
        for (char c : text) {
            bool ends = c == '\n' || c == '\r' || c == '\v' || c == '\f';
            if (c == '\n' && std::exchange(after_cr_, false)) continue;
            after_cr_ = c == '\r';
            if (!ends) {
                line_ += c;
                if (undecided_) decide(false, out);
                continue;
            }
            if (undecided_) decide(true, out);
            field.put(line_, out);
            field.put("\n", out);
            line_.clear();
            undecided_ = true;
        }
        if (!undecided_) flush(out);
    }

    void finish(std::vector<field_piece>& out) override {
        if (undecided_) decide(true, out);
        flush(out);
        field.end(out);
    }

private:
    void flush(std::vector<field_piece>& out) {
        field.put(line_, out);
        line_.clear();
    }

    // Whether the line is a marker, as soon as that is clear.
    void decide(bool complete, std::vector<field_piece>& out) {
        constexpr std::string_view open = "[[ ## ", close = " ## ]]";
        std::string_view line = line_;
        while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
        if (line.size() < open.size() ? open.starts_with(line) : line.starts_with(open)) {
            std::size_t at = open.size();
            while (at < line.size() && (is_word(line[at]) || static_cast<unsigned char>(line[at]) >= 0x80)) ++at;
            if (line.size() > open.size() && at > open.size() && line.substr(at).starts_with(close)) {
                std::string name{line.substr(open.size(), at - open.size())}, rest{line.substr(at + close.size())};
                field.end(out);
                field.begin(output(name));
                line_ = std::move(rest);
                undecided_ = false;
                return;
            }
            bool may_become = line.size() <= open.size() || (at > open.size() && close.starts_with(line.substr(at))) || at == line.size();
            if (!complete && may_become) return;
        }
        undecided_ = false;
    }

    std::string line_;
    bool undecided_ = true, after_cr_ = false;
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
                if (c == '{') state_ = state::key_or_end;
                break;
            case state::key_or_end:
            case state::after:
                if (c == '}')
                    state_ = state::done;
                else if (c == '"' || c == '\'') {
                    quote_ = c;
                    key_.clear();
                    state_ = state::key;
                } else if (is_word(c)) {
                    key_ = c;
                    state_ = state::bare_key;
                }
                break;
            case state::key:
                if (escape_) {
                    key_ += c;
                    escape_ = false;
                } else if (c == '\\')
                    escape_ = true;
                else if (c == quote_)
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
                unicode_.clear();
                high_ = 0;
                if (c == '"' || c == '\'') {
                    quote_ = c;
                    field.begin(output(key_));
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
        if (!unicode_.empty()) {  // the digits of \uXXXX
            unicode_ += c;
            if (unicode_.size() < 5) return;
            char32_t code = 0;
            for (char d : std::string_view{unicode_}.substr(1)) {
                code *= 16;
                if (is_digit(d))
                    code += static_cast<char32_t>(d - '0');
                else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
                    code += static_cast<char32_t>((d | 0x20) - 'a' + 10);
            }
            unicode_.clear();
            if (code >= 0xD800 && code < 0xDC00)
                high_ = code;
            else if (code >= 0xDC00 && code < 0xE000) {
                append_utf8(ready_, high_ ? 0x10000 + ((high_ - 0xD800) << 10) + (code - 0xDC00) : U'\uFFFD');
                high_ = 0;
            } else
                append_utf8(ready_, code);
            return;
        }
        if (escape_) {
            escape_ = false;
            switch (c) {
                case 'n': ready_ += '\n'; break;
                case 't': ready_ += '\t'; break;
                case 'r': ready_ += '\r'; break;
                case 'b': ready_ += '\b'; break;
                case 'f': ready_ += '\f'; break;
                case 'u': unicode_ = "u"; break;
                default: ready_ += c;
            }
        } else if (c == '\\')
            escape_ = true;
        else if (c == quote_) {
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
    std::string key_, ready_, unicode_;
    char quote_ = '"';
    char32_t high_ = 0;
    int depth_ = 0;
    bool escape_ = false, in_text_ = false;
};

// `<name>` ... `</name>`, outermost.
struct xml_reader final : field_stream::reader {
    using reader::reader;

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
        auto take = [&](std::size_t n) {
            field.put(rest.substr(0, n), out);
            rest.remove_prefix(n);
            return true;
        };
        std::size_t special = rest.find_first_of(open_.empty() ? "<" : "<&");
        if (special != 0) return take(std::min(special, rest.size()));
        constexpr std::size_t longest_tag = 512, longest_entity = 12;
        bool tag = rest.front() == '<';
        const std::size_t longest = tag ? longest_tag : longest_entity;
        std::size_t end = rest.substr(0, longest + 1).find(tag ? '>' : ';');
        if (end == rest.npos) {  // it is none, or not all of it is there
            if (!last && rest.size() <= longest) return false;
            return take(1);
        }
        std::string token{rest.substr(0, end + 1)};
        rest.remove_prefix(end + 1);
        if (!tag)
            field.put(meaning(token), out);
        else if (open_.empty()) {
            std::string name = token.substr(1, token.find_first_of(" \t\r\n/>", 1) - 1);
            if (const auto* f = output(name); f && !token.ends_with("/>")) {
                open_ = name;
                field.begin(f);
            }
        } else if (token == "</" + open_ + ">") {
            field.end(out);
            open_.clear();
        } else
            field.put(token, out);
        return true;
    }

    static std::string meaning(const std::string& entity) {
        if (entity == "&lt;") return "<";
        if (entity == "&gt;") return ">";
        if (entity == "&amp;") return "&";
        if (entity == "&quot;") return "\"";
        if (entity == "&apos;") return "'";
        if (entity.starts_with("&#") && entity.size() > 3) {
            bool hex = entity[2] == 'x';
            char* end = nullptr;
            auto code = std::strtoul(entity.c_str() + (hex ? 3 : 2), &end, hex ? 16 : 10);
            if (*end == ';' && code > 0 && code < 0x110000) {
                std::string out;
                append_utf8(out, static_cast<char32_t>(code));
                return out;
            }
        }
        return entity;
    }

    std::string rest_, open_;
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
    reader_->feed(text, out);
    return out;
}

std::vector<field_piece> field_stream::finish() {
    std::vector<field_piece> out;
    reader_->finish(out);
    return out;
}

}  // namespace reagent
