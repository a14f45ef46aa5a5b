#pragma once

#include "vocabulary.hpp"

namespace reagent::offline {

/// Reads a question by a small grammar. Each word is consumed by a rule or the reading fails: nothing is skipped, so a
/// word that the grammar does not know can never be left out of the answer. Where a phrase has two readings that
/// differ, it fails too.
class reader : private cursor {
public:
    reader(const vocabulary& v, std::vector<word> words);

    /// The plan, or nothing when the words are not understood to the end.
    std::optional<plan> question();
    /// What was not understood: the words from the furthest place on that any rule came to.
    std::string rest() const;

private:
    struct comparison {
        std::string op{};
        operand low{}, high{};
        bool average = false;  // "above average": of the column that is compared
    };
    struct value_list {
        std::vector<std::vector<known_value>> items{};  // of each the columns that it occurs in
        bool with_and = false, with_or = false;
    };
    struct noun {
        rows in{};
        rows before_last{};  // without what was said last: the whole of which that is a part
        bool different = false, by_value = false, all = false;
        int said = 0;  // phrases behind it
        bool relative_last = false;
        std::vector<rows> each{};  // "the Wok and the Teapot": one set of rows for each
    };
    struct superlative {
        bool descending = true;
        int first = 1, last = 1;
    };

    // phrases.cpp: words, numbers, comparisons, dates, values
    template <class Rule>
    auto attempt(Rule rule) -> decltype(rule()) {
        std::size_t start = i_;
        auto result = rule();
        if (!result) i_ = start;
        return result;
    }
    std::optional<std::string> number();
    std::optional<operand> amount();
    std::optional<comparison> compare();
    std::optional<comparison> quantity();  // also a bare number
    std::optional<std::string> times();
    struct days {
        std::string from, to;
    };
    std::optional<int> year();
    std::optional<int> month();
    std::optional<int> ordinal();
    std::optional<days> day();
    std::optional<days> period();
    std::optional<condition> time(const column& date);
    std::optional<condition> span(const column& date);
    std::optional<value_list> values(std::string_view again = {});
    const table* table_noun();
    const column* column_noun(const table& t);
    std::optional<column_path> path_noun(const table& t);

    // noun_phrase.cpp: sets of rows
    bool attach(rows& r, const table& t, condition c);
    bool attach_values(rows& r, const value_list& list, bool own_only);
    bool attach_rows(rows& r, rows other);
    std::optional<condition> link_down(const rows& r, rows other) const;
    condition compared(const rows& r, const column& c, comparison how) const;
    std::optional<noun> noun_phrase(bool with_posts = true);
    bool head(noun& n);
    bool attach_year(rows& r, std::size_t where);
    void posts(noun& n);
    void posts_of(noun& n);
    bool said_of_outer(const table& inner, std::size_t from);
    bool post(rows& r);
    bool simple_post(rows& r);
    bool relative(rows& r);
    bool whose(rows& r);
    bool negative_post(rows& r);
    bool with(rows& r);
    bool having(rows& r);
    bool preposition(rows& r);
    bool named_values(rows& r);
    bool participle(rows& r);
    bool money_post(rows& r);
    bool dearer(rows& r);
    bool predicate(rows& r);
    bool predicate_of(rows& r);
    bool predicates(rows& r);
    bool be(rows& r);
    bool verb(rows& r);
    struct purchase {
        std::vector<rows> sets;  // one order of each
        measure how{};
        std::optional<comparison> count{};  // of orders, or of different goods
        rows shared{};                      // what is said of all of the orders
    };
    bool different_goods(purchase& p);
    bool goods(purchase& p, const rows& who);
    bool how_often(purchase& p);
    bool circumstances(purchase& p, const rows& who, bool passive);
    bool in_both(purchase& p);
    bool but_not(const purchase& p, rows& r);
    bool trade(rows& r, bool passive);
    bool placed(rows& r);
    bool did_to(rows& r);
    bool spent(rows& r);
    bool dated(rows& r);

    // question.cpp: what is asked
    std::optional<plan> how_many();
    std::optional<plan> how_many_more();
    std::optional<plan> how_much();
    std::optional<plan> what_is();
    std::optional<plan> share();
    std::optional<plan> whether();
    std::optional<plan> list();
    std::optional<plan> attribute();
    std::optional<plan> when();
    std::optional<plan> groups();
    bool clause(noun& n);
    bool traded_next(const rows& r);
    bool inverted(rows& r, bool different);
    std::optional<std::pair<rows, rows>> two_sets();
    std::optional<listing> different_values();
    std::optional<term> units();
    bool sold_to(rows& s);
    plan attributes(rows r, const column_path& p) const;

    // measure.cpp: one number
    std::optional<term> scalar();
    std::optional<term> counted();
    std::optional<term> measured();
    std::optional<term> between();
    std::optional<term> difference_in();
    std::optional<term> per_row();
    std::optional<term> price_of_things();
    std::optional<aggregate> aggregate_word();
    std::optional<term> measure_of_table();  // "average order total": over all rows
    void measure_posts(rows& r);

    // ranking.cpp: the first, the last, the second
    struct subject {
        listing l;
        std::optional<column_path> key;  // groups by this; else rows
        const table* of = nullptr;
        std::optional<condition> when;  // "which month of 2024"
        bool counts = false;            // "the most orders"
    };
    std::optional<plan> best();
    std::optional<plan> best_by_noun();
    std::optional<plan> best_by_verb();
    std::optional<plan> best_of_subject();
    std::optional<plan> most_common();
    bool spent_most(subject& s, superlative& d);
    bool sold_most(listing& l, const column_path* key);
    std::optional<superlative> degree(std::string_view high, std::string_view low);
    std::optional<subject> subject_noun();
    bool rank_by(subject& s, const superlative& d);
    bool value_of(listing& l, rows f, measure m, const column_path* key, const table& owner);
    static std::optional<plan> ranked(listing l, const superlative& s);

    const vocabulary& v_;
    bool ambiguous_ = false;            // a phrase could belong to either of two nouns, and would say different things
    std::vector<const table*> around_;  // the nouns inside of whose descriptions we are
};

}  // namespace reagent::offline
