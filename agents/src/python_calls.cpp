// Calls in the syntax of Python. Source: Meta, "Llama 4 model card and prompt formats" (pythonic tool calls); PEP 3102
// (keywords).
#include "written_calls.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

constexpr std::size_t most_calls = 64;
constexpr int deepest = 32;

// Literals only: what has to be evaluated is no call.
class python_reader {
public:
    explicit python_reader(std::string_view text) : rest_{text} {}

    bool take(char c) {
        skip();
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool at_end() { return skip(), rest_.empty(); }

    std::string name() {
        skip();
        std::size_t n = 0;
        while (n < rest_.size() && (is_letter(rest_[n]) || (n && (is_digit(rest_[n]) || rest_[n] == '.')))) ++n;
        return take_text(n);
    }

    std::optional<json::value> value(int depth = 0) {
        skip();
        if (rest_.empty() || depth == deepest) return {};
        if (rest_[0] == '"' || rest_[0] == '\'') {
            auto s = text();
            return s ? std::optional<json::value>{json::string(*s)} : std::nullopt;
        }
        if (rest_[0] == '[') return list(depth);
        if (rest_[0] == '{') return dict(depth);
        if (is_letter(rest_[0])) return word(name());
        return number();
    }

private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }
    static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
    void skip() {
        auto n = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(std::min(n, rest_.size()));
    }
    std::string take_text(std::size_t n) {
        std::string s{rest_.substr(0, n)};
        rest_.remove_prefix(n);
        return s;
    }

    static std::optional<json::value> word(const std::string& w) {
        if (w == "True" || w == "true") return json::value(true);
        if (w == "False" || w == "false") return json::value(false);
        if (w == "None" || w == "null") return json::value(nullptr);
        return {};
    }

    std::optional<json::value> number() {
        auto n = std::min(rest_.find_first_not_of("0123456789+-.eE"), rest_.size());
        auto v = parse_json(take_text(n));
        return v && v->is_number() ? v : std::nullopt;
    }

    std::optional<std::string> text() {
        const char quote = rest_[0];
        if (rest_.starts_with(std::string(3, quote))) return {};
        std::string out;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            char c = rest_[i];
            if (c == quote) {
                rest_.remove_prefix(i + 1);
                return out;
            }
            if (c == '\n') return {};
            if (c == '\\') {
                constexpr std::string_view from = "nt\\'\"", to = "\n\t\\'\"";
                auto known = i + 1 < rest_.size() ? from.find(rest_[++i]) : from.npos;
                if (known == from.npos) return {};
                c = to[known];
            }
            out += c;
        }
        return {};
    }

    std::optional<json::value> list(int depth) {
        json::array all;
        take('[');
        while (!take(']')) {
            if (!all.empty() && !take(',')) return {};
            if (!all.empty() && take(']')) break;
            auto v = value(depth + 1);
            if (!v) return {};
            all.push_back(std::move(*v));
        }
        return json::value(std::move(all));
    }

    std::optional<json::value> dict(int depth) {
        json::object all;
        take('{');
        while (!take('}')) {
            if (!all.empty() && !take(',')) return {};
            if (!all.empty() && take('}')) break;
            auto key = value(depth + 1);
            if (!key || !key->is_string() || !take(':') || all.contains(key->get_string())) return {};
            auto v = value(depth + 1);
            if (!v) return {};
            all[key->get_string()] = std::move(*v);
        }
        return json::value(std::move(all));
    }

    std::string_view rest_;
};

std::optional<tool_call> call_in(python_reader& text, const find_tool& find) {
    tool_call c;
    c.name = text.name();
    if (!find(c.name) || !text.take('(')) return {};
    json::object arguments;
    while (!text.take(')')) {
        if (!arguments.empty() && !text.take(',')) return {};
        auto name = text.name();
        if (name.empty() || arguments.contains(name) || !text.take('=')) return {};
        auto v = text.value();
        if (!v) return {};
        arguments[name] = std::move(*v);
    }
    c.arguments = dump_json(json::value(std::move(arguments)));
    return c;
}

}  // namespace

std::optional<std::vector<tool_call>> python_calls(std::string_view text, const find_tool& find) {
    python_reader reader{text};
    if (!reader.take('[')) return {};
    std::vector<tool_call> calls;
    do {
        auto call = calls.size() < most_calls ? call_in(reader, find) : std::nullopt;
        if (!call) return {};
        calls.push_back(std::move(*call));
    } while (reader.take(','));
    if (!reader.take(']') || !reader.at_end()) return {};
    return calls;
}

}  // namespace reagent::detail
