#include "dressed.hpp"

#include "../base/text.hpp"

namespace reagent {
namespace {

// `Yes.`, `4.5.`, `Yes!`: not `...` nor `5!`.
bool ends_a_sentence(std::string_view text) {
    if (text.size() < 2) return false;
    const char before = text[text.size() - 2];
    if (text.back() == '!') return is_alpha(before) || before == '*' || before == '_';
    return text.back() == '.' && before != '.';
}

bool is_in_marks(std::string_view text) {
    return text.size() > 2 && text.front() == text.back() &&
           std::string_view{"*_`\"'"}.find(text.front()) != std::string_view::npos;
}

}  // namespace

std::vector<std::string_view> undressed(std::string_view text) {
    constexpr std::size_t longest = 200, most = 10;
    std::vector<std::string_view> forms{trim(text)};
    if (text.size() > longest) return forms;
    while (forms.size() < most) {
        auto form = forms.back();
        if (ends_a_sentence(form))
            form.remove_suffix(1);
        else if (is_in_marks(form))
            form = form.substr(1, form.size() - 2);
        else
            break;
        forms.push_back(trim(form));
    }
    return forms;
}

}  // namespace reagent
