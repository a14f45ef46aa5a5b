#include <reagent/module/majority.hpp>

#include <reagent/schema/render.hpp>

#include "../schema/unicode.hpp"

#include <utf8proc.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace reagent {
namespace {

bool is_space(utf8proc_int32_t c) {
    auto category = utf8proc_category(c);
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) || c == 0x85 || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

// What Python's `\b` takes for a part of a word.
bool is_word(utf8proc_int32_t c) {
    auto k = utf8proc_category(c);
    return c == '_' || (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
           (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
}

// One blank between words, none at the ends.
void collapse_blanks(std::string& text) {
    auto twice = [](char a, char b) { return a == ' ' && b == ' '; };
    text.erase(std::unique(text.begin(), text.end(), twice), text.end());
    if (text.ends_with(' ')) text.pop_back();
    if (text.starts_with(' ')) text.erase(0, 1);
}

// Lower case, without punctuation and articles. An answer may have megabytes: it is written once, and nothing is held
// beside it.
std::string normalized(std::string_view decomposed) {
    std::string out;
    out.reserve(decomposed.size());
    std::size_t word = 0;  // where the last one begins
    auto end_word = [&] {
        if (is_article(std::string_view{out}.substr(word))) out.replace(word, out.npos, " ");
        word = out.size();
    };
    auto* data = reinterpret_cast<const utf8proc_uint8_t*>(decomposed.data());
    auto size = static_cast<utf8proc_ssize_t>(decomposed.size());
    for (utf8proc_ssize_t at = 0; at < size;) {
        utf8proc_int32_t c = 0;
        auto step = utf8proc_iterate(data + at, size - at, &c);
        if (step <= 0) break;
        at += step;
        if (c < 128 && std::ispunct(c)) continue;
        c = utf8proc_tolower(c);
        bool part = is_word(c);
        if (!part) end_word();
        if (is_space(c))
            out += ' ';
        else
            append_utf8(out, static_cast<char32_t>(c));
        if (!part) word = out.size();
    }
    end_word();
    collapse_blanks(out);
    return out;
}

}  // namespace

std::string normalize_text(std::string_view text) {
    if (is_ascii(text)) return normalized(text);
    std::string clean = to_utf8(text);
    utf8proc_uint8_t* decomposed = nullptr;
    auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(clean.data()),
                             static_cast<utf8proc_ssize_t>(clean.size()), &decomposed,
                             static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE));
    if (size < 0) return clean;
    std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> holder{decomposed, &std::free};
    return normalized({reinterpret_cast<const char*>(decomposed), static_cast<std::size_t>(size)});
}

std::size_t detail::majority_index(const std::vector<const json::object*>& outputs, const majority_options& options) {
    if (outputs.empty()) throw std::invalid_argument{"majority: there is no prediction to choose from"};
    std::string field = options.field;
    if (field.empty() && !outputs.front()->empty()) field = std::string{(outputs.front()->end() - 1)->key()};
    auto normalize = options.normalize;
    if (!normalize)
        normalize = [](const json::value& v) -> std::optional<std::string> {
            std::string text = normalize_text(python_str(v));
            return text.empty() ? std::nullopt : std::optional{text};
        };
    std::vector<std::optional<std::string>> values;
    for (const auto* o : outputs) {
        const auto* v = o->if_contains(field);
        if (!v) throw std::invalid_argument{"majority: a prediction has no output `" + field + "`"};
        values.push_back(normalize(*v));
    }
    std::size_t best = 0, best_count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!values[i]) continue;
        auto count = static_cast<std::size_t>(std::count(values.begin(), values.end(), values[i]));
        if (count > best_count) best = i, best_count = count;
    }
    return best;
}

}  // namespace reagent
