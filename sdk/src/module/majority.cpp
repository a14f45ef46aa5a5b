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
    return c == '_' || (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) || (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

bool is_article(const std::u32string& word) { return word == U"a" || word == U"an" || word == U"the"; }

}  // namespace

std::string normalize_text(std::string_view text) {
    std::string clean = to_utf8(text);
    utf8proc_uint8_t* decomposed = nullptr;
    auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(clean.data()), static_cast<utf8proc_ssize_t>(clean.size()),
                             &decomposed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE));
    if (size < 0) return clean;
    std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> holder{decomposed, &std::free};
    std::u32string points;
    for (utf8proc_ssize_t at = 0; at < size;) {
        utf8proc_int32_t c = 0;
        auto step = utf8proc_iterate(decomposed + at, size - at, &c);
        if (step <= 0) break;
        at += step;
        if (c < 128 && std::ispunct(c)) continue;
        points.push_back(static_cast<char32_t>(utf8proc_tolower(c)));
    }
    std::string out;
    std::u32string word, pending;  // `pending`: what stands between two spaces
    auto end_word = [&] {
        pending += is_article(word) ? U" " : word;
        word.clear();
    };
    auto end_token = [&] {
        end_word();
        std::size_t begin = 0;
        while (begin < pending.size()) {
            auto space = std::min(pending.find(U' ', begin), pending.size());
            if (space > begin) {
                if (!out.empty()) out += ' ';
                for (std::size_t i = begin; i < space; ++i) append_utf8(out, pending[i]);
            }
            begin = space + 1;
        }
        pending.clear();
    };
    for (char32_t c : points) {
        auto p = static_cast<utf8proc_int32_t>(c);
        if (is_space(p))
            end_token();
        else if (is_word(p))
            word.push_back(c);
        else {
            end_word();
            pending.push_back(c);
        }
    }
    end_token();
    return out;
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
