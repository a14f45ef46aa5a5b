#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <charconv>
#include <cmath>
#include <utility>

namespace reagent {
namespace {

enum class style { json, strict_json, python };

std::string quoted_json(std::string_view text) { return json::serialize(json::string_view{text.data(), text.size()}); }

void write(std::string& out, const json::value& v, style how) {
    switch (v.kind()) {
        case json::kind::null: out += how == style::python ? "None" : "null"; break;
        case json::kind::bool_:
            out += how == style::python ? (v.get_bool() ? "True" : "False") : (v.get_bool() ? "true" : "false");
            break;
        case json::kind::int64: out += std::to_string(v.get_int64()); break;
        case json::kind::uint64: out += std::to_string(v.get_uint64()); break;
        case json::kind::double_: {
            double d = v.get_double();
            if (how == style::python || std::isfinite(d))
                out += python_float(d);
            else if (how == style::json)
                out += std::isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity";
            else
                out += "{\"float\": \"" + python_float(d) + "\"}";
            break;
        }
        case json::kind::string: {
            const auto& s = v.get_string();
            out += how == style::python ? python_repr(std::string_view{s}) : quoted_json(s);
            break;
        }
        case json::kind::array: {
            out += '[';
            bool first = true;
            for (const auto& item : v.get_array()) {
                if (!std::exchange(first, false)) out += ", ";
                write(out, item, how);
            }
            out += ']';
            break;
        }
        case json::kind::object: {
            out += '{';
            bool first = true;
            for (const auto& [key, item] : v.get_object()) {
                if (!std::exchange(first, false)) out += ", ";
                out += how == style::python ? python_repr(std::string_view{key}) : quoted_json(key);
                out += ": ";
                write(out, item, how);
            }
            out += '}';
            break;
        }
    }
}

std::string written(const json::value& v, style how) {
    std::string out;
    write(out, v, how);
    return out;
}

}  // namespace

std::string dump_json(const json::value& value) { return written(value, style::json); }
std::string dump_strict_json(const json::value& value) { return written(value, style::strict_json); }

namespace {

void write_pretty(std::string& out, const json::value& v, std::size_t indent) {
    bool list = v.is_array() && !v.get_array().empty(), object = v.is_object() && !v.get_object().empty();
    if (!list && !object) {
        out += dump_strict_json(v);
        return;
    }
    std::string inner(indent + 2, ' ');
    out += list ? "[\n" : "{\n";
    bool first = true;
    auto begin = [&] {
        if (!std::exchange(first, false)) out += ",\n";
        out += inner;
    };
    if (list)
        for (const auto& item : v.get_array()) begin(), write_pretty(out, item, indent + 2);
    else
        for (const auto& [key, item] : v.get_object()) {
            begin();
            out += dump_strict_json(json::value(json::string(key))) + ": ";
            write_pretty(out, item, indent + 2);
        }
    out += "\n" + std::string(indent, ' ') + (list ? "]" : "}");
}

}  // namespace

std::string dump_pretty_json(const json::value& value) {
    std::string out;
    write_pretty(out, value, 0);
    return out;
}
std::string python_repr(const json::value& value) { return written(value, style::python); }

std::string python_str(const json::value& value) {
    return value.is_string() ? std::string{value.get_string()} : python_repr(value);
}

std::string python_repr(std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
    std::string out(1, quote);
    for (char c : text) {
        if (c == quote || c == '\\')
            (out += '\\') += c;
        else if (c == '\n')
            out += "\\n";
        else if (c == '\r')
            out += "\\r";
        else if (c == '\t')
            out += "\\t";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            ((out += "\\x") += hex[(c >> 4) & 15]) += hex[c & 15];
        else
            out += c;
    }
    return out += quote;
}

// repr(float): shortest digits; an exponent below 1e-4 and from 1e16 on.
std::string python_float(double d) {
    if (std::isnan(d)) return "nan";
    if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
    char buffer[400];
    double magnitude = std::abs(d);
    bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
    auto [end, ec] = std::to_chars(buffer, buffer + sizeof buffer, d,
                                   scientific ? std::chars_format::scientific : std::chars_format::fixed);
    std::string text{buffer, end};
    if (!scientific && text.find('.') == text.npos) text += ".0";
    return text;
}

}  // namespace reagent
