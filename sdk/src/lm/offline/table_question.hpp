#pragma once

// What a question names: tables, columns, values, periods, comparisons, names of people and things.

#include "tables.hpp"

#include "../../text.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace reagent::offline {

inline constexpr std::size_t npos = std::string::npos;

struct place {  // a column, or a whole table when `c` is null; and where the question names it
    const table* t = nullptr;
    const column* c = nullptr;
    std::size_t at = npos, size = 0;

    explicit operator bool() const { return t != nullptr; }
    std::string sql() const { return t->name + "." + c->name; }
};

inline std::string text_literal(const std::string& s) { return "'" + replace_all(s, "'", "''") + "'"; }

// What people say for columns that are called otherwise.
struct synonym {
    std::string_view word;
    std::vector<std::string_view> columns;
};
inline const std::vector<synonym>& synonyms() {
    static const std::vector<std::string_view> money{"total", "amount", "revenue", "sales", "value"},
        pieces{"quantity", "qty", "units", "pieces"}, price{"price", "unit_price", "cost"},
        stock{"stock", "on_hand", "in_stock", "available", "quantity"};
    static const std::vector<synonym> all{
        {"revenue", money},  {"sale", money},     {"turnover", money},      {"income", money},    {"spent", money},     {"spend", money},
        {"spending", money}, {"worth", money},    {"amount", money},        {"paid", money},      {"earned", money},    {"earn", money},
        {"money", money},    {"value", money},    {"total", money},         {"sold", pieces},     {"unit", pieces},     {"piece", pieces},
        {"bought", pieces},  {"item", pieces},    {"best-selling", pieces}, {"selling", pieces},  {"popular", pieces},  {"sell", pieces},
        {"price", price},    {"priced", price},   {"cost", price},          {"expensive", price}, {"cheap", price},     {"cheapest", price},
        {"cheaper", price},  {"priciest", price}, {"stock", stock},         {"inventory", stock}, {"available", stock}, {"left", stock},
        {"stocked", stock}};
    return all;
}

inline int direction_of(const word& w) {
    for (std::string_view s : {"most", "highest", "largest", "biggest", "top", "best", "greatest", "maximum", "max", "priciest", "newest",
                               "latest", "best-selling", "longest", "last"})
        if (w.lower == s) return -1;
    for (std::string_view s :
         {"least", "lowest", "smallest", "fewest", "cheapest", "worst", "minimum", "min", "oldest", "earliest", "first", "shortest"})
        if (w.lower == s) return 1;
    return 0;
}

inline int month_of(std::string_view w) {
    static constexpr std::string_view names[]{"january", "february", "march",     "april",   "may",      "june",
                                              "july",    "august",   "september", "october", "november", "december"};
    for (int i = 0; i < 12; ++i)
        if (names[i] == w) return i + 1;
    return 0;
}

class table_question {
public:
    table_question(const std::vector<table>& tables, const std::string& question)
        : tables_{tables}, w_{words_of(question)}, used_(w_.size()) {
        find_mentions();
        find_values();
        find_periods();
        find_dates();
        find_comparisons();
        find_names();
    }

protected:
    bool has(std::string_view stem) const { return position(stem) != npos; }
    std::size_t position(std::string_view stem, std::size_t from = 0) const {
        for (std::size_t i = from; i < w_.size(); ++i)
            if (w_[i].stem == stem || w_[i].lower == stem) return i;
        return npos;
    }
    bool phrase(std::initializer_list<std::string_view> words, std::size_t at) const {
        for (auto p : words) {
            if (at >= w_.size() || w_[at].lower != p) return false;
            ++at;
        }
        return true;
    }

    // --- what the question names --------------------------------------------------------------------------------

    void find_mentions() {
        for (const auto& t : tables_) {
            auto name = words_of(replace_all(t.name, "_", " "));
            for (std::size_t at = 0; (at = find_phrase(w_, name, at)) != npos; ++at) mentions_.push_back({&t, nullptr, at, name.size()});
            for (const auto& c : t.columns) {
                if (c.key()) continue;
                auto column_name = words_of(replace_all(c.name, "_", " "));
                for (std::size_t at = 0; (at = find_phrase(w_, column_name, at)) != npos; ++at)
                    mentions_.push_back({&t, &c, at, column_name.size()});
            }
        }
        for (std::size_t i = 0; i < w_.size(); ++i)
            for (const auto& s : synonyms()) {
                if (w_[i].stem != s.word && w_[i].lower != s.word) continue;
                bool named = false;
                for (const auto& m : mentions_) named = named || (m.c && m.at == i);
                if (named) continue;
                for (auto wanted : s.columns) {
                    bool found = false;
                    for (const auto& t : tables_)
                        if (const column* c = t.find(wanted); c && c->numeric()) measures_.push_back({&t, c, i, 1}), found = true;
                    if (found) break;
                }
            }
        for (const auto& m : mentions_)
            if (m.c && m.c->numeric()) measures_.push_back(m);
        auto by_place = [](const place& a, const place& b) { return a.at < b.at; };
        std::stable_sort(mentions_.begin(), mentions_.end(), by_place);
        std::stable_sort(measures_.begin(), measures_.end(), by_place);
    }

    bool mentioned(const table& t) const {
        return std::any_of(mentions_.begin(), mentions_.end(), [&](const place& m) { return m.t == &t && !m.c; });
    }

    void find_values() {
        struct match {
            place p;
            const std::string* value;
            int score;
        };
        std::vector<match> found;
        for (const auto& t : tables_)
            for (const auto& c : t.columns)
                for (const auto& v : c.values) {
                    auto words = words_of(v);
                    for (std::size_t at = 0; (at = find_phrase(w_, words, at)) != npos; ++at) {
                        // A value that is an ordinary word of the question's grammar, or a table's or column's name, is none.
                        bool plain = false;
                        for (const auto& m : mentions_)
                            plain = plain || (m.at == at && m.size >= words.size() && !m.c && !w_[at].capital());
                        if (plain || (words.size() == 1 && is_stop_word(w_[at].lower))) continue;
                        int score = static_cast<int>(words.size()) * 100;
                        for (const auto& m : mentions_) {
                            if (m.c == &c)
                                score += 20 - std::min<int>(10, std::abs(static_cast<int>(m.at) - static_cast<int>(at)));
                            else if (m.t == &t && !m.c)
                                score += 10 - std::min<int>(8, std::abs(static_cast<int>(m.at) - static_cast<int>(at)));
                        }
                        found.push_back({{&t, &c, at, words.size()}, &v, score});
                    }
                }
        find_nationalities([&](const place& p, const std::string& v) { found.push_back({p, &v, 100}); });
        std::stable_sort(found.begin(), found.end(), [](const match& a, const match& b) { return a.score > b.score; });
        std::map<const column*, std::vector<std::string>> wanted, unwanted;
        std::map<const column*, place> where;
        for (const auto& m : found) {
            bool free = true;
            for (std::size_t k = 0; k < m.p.size; ++k) free = free && !used_[m.p.at + k];
            if (!free) continue;
            for (std::size_t k = 0; k < m.p.size; ++k) used_[m.p.at + k] = true;
            bool negated = false;
            for (std::size_t k = m.p.at - std::min<std::size_t>(3, m.p.at); k < m.p.at; ++k)
                for (std::string_view n : {"not", "except", "excluding", "outside", "without", "aren't", "isn't", "never"})
                    negated = negated || w_[k].lower == n;
            (negated ? unwanted : wanted)[m.p.c].push_back(*m.value);
            if (m.p.at > 0 && is_number(w_[m.p.at - 1]) && m.p.c == m.p.t->label()) {
                quantities_.emplace_back(*m.value, number_of(w_[m.p.at - 1]));
                used_[m.p.at - 1] = true;
            }
            where[m.p.c] = m.p;
        }
        for (auto* side : {&wanted, &unwanted})
            for (auto& [c, values] : *side) {
                std::string list;
                for (const auto& v : values) list += (list.empty() ? "" : ", ") + text_literal(v);
                const place& p = where[c];
                bool no = side == &unwanted;
                if (values.size() == 1)
                    require(*p.t, p.sql() + (no ? " <> " : " = ") + list);
                else
                    require(*p.t, p.sql() + (no ? " NOT IN (" : " IN (") + list + ")");
            }
    }

    // "Swedish customers": the adjective of a country that a column lists.
    template <class F>
    void find_nationalities(F add) const {
        static constexpr std::pair<std::string_view, std::string_view> all[]{
            {"swedish", "Sweden"},        {"norwegian", "Norway"}, {"danish", "Denmark"}, {"finnish", "Finland"},
            {"icelandic", "Iceland"},     {"german", "Germany"},   {"french", "France"},  {"british", "United Kingdom"},
            {"dutch", "Netherlands"},     {"spanish", "Spain"},    {"italian", "Italy"},  {"polish", "Poland"},
            {"american", "United States"}};
        for (std::size_t i = 0; i < w_.size(); ++i)
            for (auto [adjective, country] : all)
                if (w_[i].stem == adjective)
                    for (const auto& t : tables_)
                        for (const auto& c : t.columns)
                            for (const auto& v : c.values)
                                if (v == country) add(place{&t, &c, i, 1}, v);
    }

    // "the first quarter of 2024", "Q3 2023"; periods that depend on today are not for tables.
    void find_periods() {
        place d = date_column();
        for (std::size_t i = 0; i < w_.size(); ++i) {
            bool relative = false;
            for (std::string_view r : {"last", "this", "past", "previous", "next"}) relative = relative || w_[i].lower == r;
            if (relative && i + 1 < w_.size())
                for (std::string_view unit : {"year", "month", "week", "quarter", "day", "summer", "winter"})
                    if (w_[i + 1].stem == unit) foreign_ = true;
            if (w_[i].lower == "yesterday" || w_[i].lower == "today") foreign_ = true;
            int quarter = 0;
            std::size_t next = i + 1;
            if (w_[i].lower.size() == 2 && w_[i].lower[0] == 'q' && w_[i].lower[1] >= '1' && w_[i].lower[1] <= '4')
                quarter = w_[i].lower[1] - '0';
            static constexpr std::string_view ordinals[]{"first", "second", "third", "fourth"};
            for (int k = 0; k < 4; ++k)
                if (w_[i].lower == ordinals[k] && next < w_.size() && w_[next].lower == "quarter") quarter = k + 1, ++next;
            if (!quarter) continue;
            if (next < w_.size() && w_[next].lower == "of") ++next;
            if (!d || next >= w_.size() || w_[next].text.size() != 4 || !is_number(w_[next])) {
                foreign_ = true;
                continue;
            }
            auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
            require(*d.t, d.sql() + " >= '" + w_[next].text + "-" + two(3 * quarter - 2) + "' AND " + d.sql() + " <= '" + w_[next].text +
                              "-" + two(3 * quarter) + "~'");
            for (std::size_t k = i; k <= next; ++k) used_[k] = true;
        }
    }

    void require(const table& t, std::string condition) { conditions_.emplace_back(&t, std::move(condition)); }

    place date_column() const {
        std::vector<const table*> order;
        if (has("join") || has("joined") || has("registered") || has("signed"))
            for (const auto& t : tables_)
                if (t.find("joined") || t.find("joined_on") || t.find("registered_on") || t.find("created_at")) order.push_back(&t);
        if (has("ordered") || has("order") || has("sold") || has("sale") || has("revenue") || has("spent") || has("bought") ||
            has("placed"))
            for (const auto& t : tables_)
                if (stem_of(t.name) == "order" || stem_of(t.name) == "sale") order.push_back(&t);
        for (const auto& m : mentions_) order.push_back(m.t);
        for (const auto& t : tables_) order.push_back(&t);
        for (const table* t : order)
            for (const auto& c : t->columns)
                if (c.date()) return {t, &c};
        return {};
    }

    void find_dates() {
        place d = date_column();
        if (!d) return;
        for (std::size_t i = 0; i < w_.size(); ++i) {
            if (used_[i]) continue;
            const std::string& s = w_[i].text;
            bool iso = s.size() == 10 && s[4] == '-' && s[7] == '-';
            bool year = s.size() == 4 && (s.starts_with("19") || s.starts_with("20")) && is_number(w_[i]) && i > 0;
            int month = w_[i].capital() ? month_of(w_[i].lower) : 0;
            if (!iso && !year && !month) continue;
            std::string from, to;
            std::size_t used = 1;
            auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
            if (iso)
                from = to = s;
            else if (month && i + 1 < w_.size() && w_[i + 1].text.size() == 4 && is_number(w_[i + 1])) {
                from = w_[i + 1].text + "-" + two(month), to = from, used = 2;
            } else if (month) {
                require(*d.t, "strftime('%m', " + d.sql() + ") = '" + two(month) + "'");
                used_[i] = true;
                continue;
            } else if (year) {
                bool counted = w_[i - 1].lower != "in" && w_[i - 1].lower != "since" && w_[i - 1].lower != "before" &&
                               w_[i - 1].lower != "after" && w_[i - 1].lower != "during" && w_[i - 1].lower != "of" &&
                               w_[i - 1].lower != "until" && w_[i - 1].lower != "year" && w_[i - 1].lower != "for" &&
                               w_[i - 1].lower != "from" && w_[i - 1].lower != "and" && w_[i - 1].lower != "between";
                if (counted) continue;
                from = to = s;
            }
            // Dates are ISO texts, so that "2025-03" covers its days by comparison with "2025-03" and "2025-03~".
            std::string before = i > 0 ? w_[i - 1].lower : "";
            std::string c = d.sql();
            if (before == "before")
                require(*d.t, c + " < '" + from + "'");
            else if (before == "after")
                require(*d.t, c + " > '" + to + "~'");
            else if (before == "since" || before == "from" || before == "between")
                require(*d.t, c + " >= '" + from + "'");
            else if (before == "until" || before == "and" || before == "to")
                require(*d.t, c + " <= '" + to + "~'");
            else
                require(*d.t, c + " >= '" + from + "' AND " + c + " <= '" + to + "~'");
            for (std::size_t k = 0; k < used; ++k) used_[i + k] = true;
        }
    }

    place measure_near(std::size_t at) const {
        place best;
        std::size_t distance = 8;
        for (const auto& m : measures_) {
            std::size_t d = m.at > at ? m.at - at : at - m.at;
            if (d < distance || (d == distance && best && prefer(m, best))) best = m, distance = d;
        }
        return best;
    }
    bool prefer(const place& a, const place& b) const { return mentioned(*a.t) && !mentioned(*b.t); }

    void find_comparisons() {
        struct comparison {
            std::vector<std::string_view> words;
            const char* op;
        };
        static const std::vector<comparison> all{{{"more", "than"}, ">"},
                                                 {{"greater", "than"}, ">"},
                                                 {{"higher", "than"}, ">"},
                                                 {{"larger", "than"}, ">"},
                                                 {{"over"}, ">"},
                                                 {{"above"}, ">"},
                                                 {{"exceeding"}, ">"},
                                                 {{"less", "than"}, "<"},
                                                 {{"fewer", "than"}, "<"},
                                                 {{"lower", "than"}, "<"},
                                                 {{"cheaper", "than"}, "<"},
                                                 {{"under"}, "<"},
                                                 {{"below"}, "<"},
                                                 {{"at", "least"}, ">="},
                                                 {{"at", "most"}, "<="},
                                                 {{"exactly"}, "="},
                                                 {{">"}, ">"},
                                                 {{"<"}, "<"}};
        for (std::size_t i = 0; i < w_.size(); ++i)
            if (phrase({"out", "of", "stock"}, i) || phrase({"sold", "out"}, i))
                if (place s = measure_named({"stock", "on_hand", "in_stock"})) {
                    require(*s.t, s.sql() + " = 0");
                    for (const auto& m : measures_)
                        if (m.at >= i && m.at <= i + 2) compared_.insert(m.c);
                    compared_.insert(s.c);
                }
        for (std::size_t i = 0; i < w_.size(); ++i)
            for (const auto& c : all) {
                std::size_t n = i;
                bool same = true;
                for (auto word : c.words) same = same && n < w_.size() && w_[n++].lower == word;
                if (!same) continue;
                while (n < w_.size() && (w_[n].text == "$" || w_[n].text == "\u20ac")) ++n;
                if (n >= w_.size() || !is_number(w_[n]) || used_[n]) continue;
                std::string number = number_of(w_[n]);
                const table* counted = nullptr;
                for (const auto& m : mentions_)
                    if (!m.c && (m.at == n + 1)) counted = m.t;
                if (counted)
                    having_ = {counted, std::string{c.op} + " " + number};
                else {
                    place m = c.words[0] == "cheaper" ? measure_named({"price", "unit_price", "cost"}) : measure_near(i);
                    if (!m) {  // "orders over 500": the table's own amount
                        for (const auto& mention : mentions_)
                            if (!m && !mention.c)
                                for (const char* name : {"total", "amount", "price", "stock", "quantity"})
                                    if (const column* col = mention.t->find(name); !m && col && col->numeric()) m = {mention.t, col};
                    }
                    if (!m) continue;
                    require(*m.t, m.sql() + " " + c.op + " " + number);
                    compared_.insert(m.c);
                }
                for (std::size_t k = i; k <= n; ++k) used_[k] = true;
            }
    }

    place measure_named(std::initializer_list<const char*> names) const {
        for (const char* name : names)
            for (const auto& t : tables_)
                if (const column* c = t.find(name); c && c->numeric()) return {&t, c};
        return {};
    }

    // Capitalized words that are no known value: somebody's or something's name.
    void find_names() {
        for (std::size_t i = 1; i < w_.size(); ++i) {
            if (used_[i] || !w_[i].capital() || is_stop_word(w_[i].lower) || direction_of(w_[i]) || named_at(i)) continue;
            std::size_t end = i;
            while (end < w_.size() && !used_[end] && w_[end].capital()) ++end;
            if (end == i + 1 && w_[i].text.size() <= 4 &&
                std::all_of(w_[i].text.begin(), w_[i].text.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
                foreign_ = true;  // an abbreviation that the tables do not know
                continue;
            }
            const table* owner = nullptr;
            for (const auto& m : mentions_)
                if (!m.c && (m.at + 1 == i || (m.at + 2 == i && w_[i - 1].text.size() == 1))) owner = m.t;
            auto free_label = [](const table& t) {
                const column* l = t.label();
                return l && !l->numeric() && l->values.empty();
            };
            if (!owner)
                for (const auto& t : tables_)
                    if (!owner && free_label(t)) owner = &t;
            if (owner && owner->label() && !owner->label()->numeric()) {
                require(*owner, owner->name + "." + owner->label()->name + " LIKE " + text_literal("%" + join(w_, i, end) + "%"));
                for (std::size_t k = i; k < end; ++k) used_[k] = true;
                named_ = owner;
            }
            i = end;
        }
    }
    bool named_at(std::size_t i) const {
        for (const auto& m : mentions_)
            if (m.at <= i && i < m.at + m.size) return true;
        return false;
    }

    const std::vector<table>& tables_;
    std::vector<word> w_;
    std::vector<bool> used_;
    std::vector<place> mentions_, measures_;
    std::vector<std::pair<const table*, std::string>> conditions_;
    std::pair<const table*, std::string> having_{nullptr, ""};
    std::set<const column*> compared_;
    std::vector<std::pair<std::string, std::string>> quantities_;
    const table* named_ = nullptr;
    bool foreign_ = false;
};

}  // namespace reagent::offline
