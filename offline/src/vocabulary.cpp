#include "vocabulary.hpp"

#include "../../sdk/src/base/text.hpp"

#include <algorithm>

namespace reagent::offline {
namespace {

using names = std::initializer_list<std::string_view>;

// Words for one thing; the tables' own names come first, these only where no table or column is called so.
constexpr std::string_view synonyms[][2]{{"client", "customer"}, {"buyer", "customer"},  {"shopper", "customer"},
                                         {"customer", "client"}, {"purchase", "order"},  {"item", "product"},
                                         {"article", "product"}, {"product", "item"},    {"town", "city"},
                                         {"cost", "price"},      {"amount", "total"},    {"value", "total"},
                                         {"status", "state"},    {"worker", "employee"}, {"quantity", "amount"},
                                         {"pay", "salary"},      {"department", "dept"}, {"staff", "employee"}};

constexpr std::string_view demonyms[][2]{
    {"american", "usa"},   {"austrian", "austria"},  {"british", "united kingdom"}, {"canadian", "canada"},
    {"danish", "denmark"}, {"dutch", "netherlands"}, {"finnish", "finland"},        {"french", "france"},
    {"german", "germany"}, {"icelandic", "iceland"}, {"italian", "italy"},          {"norwegian", "norway"},
    {"polish", "poland"},  {"spanish", "spain"},     {"swedish", "sweden"}};

std::vector<word> words_of_name(const std::string& name) { return words_of(replace_all(name, "_", " ")); }

bool stands(const std::vector<word>& phrase, const std::vector<word>& w, std::size_t at) {
    return !phrase.empty() && at + phrase.size() <= w.size() && find_phrase(w, phrase, at) == at;
}

bool any_of(const std::string& name, names all) { return std::find(all.begin(), all.end(), name) != all.end(); }

const column* only(const table& t, names all) {
    const column* found = nullptr;
    for (const auto& c : t.columns) {
        if (!c.numeric() || c.key() || !any_of(c.name, all)) continue;
        if (found) return nullptr;
        found = &c;
    }
    return found;
}

template <class Test>
const table* only_table(const std::vector<table>& tables, Test is) {
    const table* found = nullptr;
    for (const auto& t : tables) {
        if (!is(t)) continue;
        if (found) return nullptr;
        found = &t;
    }
    return found;
}

}  // namespace

vocabulary::vocabulary(const std::vector<table>& tables, std::vector<known_value> found) : tables_{tables} {
    auto add = [&](const std::string& phrase, known_value v) {
        auto words = words_of(phrase);
        if (words.empty() || words.size() > 8 || (words.size() == 1 && is_stop_word(words[0].lower))) return;
        values_.push_back({std::move(words), std::move(v)});
    };
    for (const auto& t : tables)
        for (const auto& c : t.columns)
            for (const auto& v : c.values) found.push_back({&t, &c, v});
    for (const auto& v : found) {
        add(replace_all(v.text, "_", " "), v);
        for (const auto& [word, country] : demonyms)
            if (to_lower(v.text) == country) add(std::string{word}, v);
        if (v.text == "cancelled") add("canceled", v);
    }
}

const table* vocabulary::noun(const std::vector<word>& w, std::size_t at, std::size_t& length) const {
    const table* best = nullptr;
    length = 0;
    auto take = [&](const table& t, const std::vector<word>& phrase) {
        if (phrase.size() > length && stands(phrase, w, at)) best = &t, length = phrase.size();
    };
    for (const auto& t : tables_) take(t, words_of_name(t.name));
    if (best) return best;
    for (const auto& [other, own] : synonyms)
        for (const auto& t : tables_)
            if (stem_of(t.name) == own) take(t, words_of(other));
    return best;
}

const column* vocabulary::column_of(const table& t, const std::vector<word>& w, std::size_t at,
                                    std::size_t& length) const {
    const column* best = nullptr;
    length = 0;
    auto take = [&](const column& c, const std::vector<word>& phrase) {
        if (phrase.size() > length && stands(phrase, w, at)) best = &c, length = phrase.size();
    };
    for (const auto& c : t.columns)
        if (!c.key()) take(c, words_of_name(c.name));
    if (best) return best;
    for (const auto& [other, own] : synonyms)
        for (const auto& c : t.columns)
            if (c.name == own) take(c, words_of(other));
    return best;
}

std::vector<known_value> vocabulary::values(const std::vector<word>& w, std::size_t at, std::size_t& length) const {
    std::vector<known_value> found;
    length = 0;
    for (const auto& e : values_) {
        if (e.words.size() < length || !stands(e.words, w, at)) continue;
        if (e.words.size() > length) found.clear();
        length = e.words.size();
        found.push_back(e.value);
    }
    return found;
}

const table* vocabulary::people() const {
    return only_table(tables_, [](const table& t) {
        return any_of(stem_of(t.name), {"customer", "client", "employee", "person", "people", "user", "member"});
    });
}

const column* vocabulary::money(const table& t) const {
    return only(t, {"total", "amount", "price", "value", "revenue", "cost", "salary"});
}

const column* vocabulary::units(const table& t) const { return only(t, {"quantity", "units", "pieces", "qty"}); }

const column* vocabulary::stocked(const table& t) const { return only(t, {"stock", "in_stock", "on_hand"}); }

const table* vocabulary::sales() const {
    return only_table(tables_, [&](const table& t) { return t.event() && money(t); });
}

const table* vocabulary::stock() const {
    return only_table(tables_, [&](const table& t) { return stocked(t) != nullptr; });
}

}  // namespace reagent::offline
