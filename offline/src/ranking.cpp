// The first, the last and the second: "the most expensive knife", "the city with the most customers".
#include "grammar.hpp"

#include "../../sdk/src/base/text.hpp"

#include <algorithm>

namespace reagent::offline {
namespace {

constexpr std::string_view openings =
    "which|what|who|in which|in what|from which|for which|which is|which are|what is|what are|what was|what were|who "
    "is|who "
    "are|list|show|show me|"
    "name|give me|find|which was|which were|who was|who were";

}  // namespace

// The lowest of groups must count those to which nothing belongs: it is read only where they are known.
std::optional<plan> reader::ranked(listing l, const superlative& s) {
    if (l.grouped && !s.descending && (l.value->how == aggregate::count || l.value->how == aggregate::sum)) {
        const auto& key = l.shown[0];
        bool dates = std::all_of(l.in.where.begin(), l.in.where.end(),
                                 [](const condition& c) { return c.what == condition::kind::dated; });
        if (key.up.size() > 1 || (key.up.empty() && !(key.part.empty() ? l.in.where.empty() : dates))) return {};
        l.all_groups = key.up.size() == 1;
    }
    l.ranked = true, l.descending = s.descending, l.first = s.first, l.last = s.last;
    return plan{std::move(l)};
}

// "second most", "three cheapest", "top 5 most": a word for the best and which places are meant.
std::optional<reader::superlative> reader::degree(std::string_view high, std::string_view low) {
    return attempt([&]() -> std::optional<superlative> {
        superlative s;
        accept("the");
        bool top = accept("top");
        if (auto place = top ? std::nullopt : attempt([&] { return ordinal(); })) {
            s.first = s.last = *place;
        } else if (auto n = attempt([&] { return number(); })) {
            if (n->size() > 3 || n->find('.') != n->npos || (s.last = std::atoi(n->c_str())) < 1) return {};
        }
        if (!high.empty() && accept(high)) return s;
        s.descending = false;
        if (!low.empty() && accept(low)) return s;
        return {};
    });
}

// A table's rows, or the different values of a column: "products", "city", "month".
std::optional<reader::subject> reader::subject_noun() {
    std::size_t start = i_;
    std::size_t best = i_;
    std::optional<subject> found;
    if (auto n = noun_phrase(false)) {
        subject s;
        s.l.in = n->in, s.of = n->in.of;
        s.l.shown = {{{}, s.of->label(), {}}};
        found = std::move(s), best = i_;
    }
    i_ = start;
    accept("the");
    std::size_t column_at = i_;
    const table* sales = v_.sales();
    if (sales && accept("month|year")) {
        subject s;
        s.of = sales, s.key = column_path{{}, sales->only_date(), w_[i_ - 1].lower};
        s.when = time(*sales->only_date());
        return s;
    }
    for (const auto& t : v_.tables()) {
        i_ = column_at;
        auto* c = column_noun(t);
        if (!c || !c->text() || c == t.label() || i_ < best) continue;
        if (found && i_ == best) return {};  // a column of two tables, or a table and a column
        subject s;
        s.of = &t, s.key = column_path{{}, c, {}};
        found = std::move(s), best = i_;
    }
    i_ = best;
    if (!found) i_ = start;
    return found;
}

// Fills in by what the subject is ranked: the measure `m` of rows that belong to it.
bool reader::value_of(listing& l, rows f, measure m, const column_path* key, const table& owner) {
    if (!key) {
        auto down = link_down(l.in, std::move(f));
        if (!down) return false;
        down->how = m;
        l.related = std::move(down);
        return true;
    }
    column_path p = *key;
    if (f.of != &owner) {
        auto up = way_up(v_.tables(), *f.of, owner);
        if (!up) return false;
        p.up = *up;
    }
    if (!l.in.where.empty()) return false;
    l.in = std::move(f), l.shown = {p}, l.grouped = true, l.value = m;
    return true;
}

// Behind "the most", "the highest": what is counted, summed or compared.
bool reader::rank_by(subject& s, const superlative&) {
    const table* sales = v_.sales();
    const column_path* key = s.key ? &*s.key : nullptr;
    auto about = [&](rows f, measure m) {
        if (s.when) f.where.push_back(*s.when);
        measure_posts(f);
        return value_of(s.l, std::move(f), m, key, *s.of);
    };
    if (sales && accept("total revenue|revenue|turnover"))
        return about({sales, {}}, {aggregate::sum, v_.money(*sales)});
    if (sales && v_.units(*sales) && accept("number of units sold|units sold"))
        return about({sales, {}}, {aggregate::sum, v_.units(*sales)});
    if (const table* stock = v_.stock(); stock && stock != s.of && accept("total stock|stock|units in stock"))
        return about({stock, {}}, {aggregate::sum, v_.stocked(*stock)});
    bool counts = at("number of") || s.counts;  // "the largest order" is no number of orders
    if (counts && attempt([&] {
            accept("number of");
            auto n = noun_phrase(false);
            if (!n || n->by_value || n->different) return false;
            if (s.when && n->in.of != sales) return false;
            return about(n->in, {});
        }))
        return true;
    return attempt([&] {
        if (at("average|mean|median")) {
            auto t = measure_of_table();
            return t && t->how.how == aggregate::average && t->in.of != (key ? nullptr : s.of) && about(t->in, t->how);
        }
        auto* c = key ? nullptr : column_noun(*s.of);
        if (!c || !(c->numeric() || c->date())) return false;
        s.l.value = measure{aggregate::most, c};
        measure_posts(s.l.in);
        return true;
    });
}

// "the second most expensive knife", "the 3 cheapest products in the category tea", "the latest order from Oslo"
std::optional<plan> reader::best_by_noun() {
    accept(openings);
    accept("the");
    std::size_t start = i_;
    auto price = degree("most expensive|priciest|costliest|dearest", "cheapest|least expensive");
    auto date = price ? std::nullopt : degree("most recent|latest|newest", "earliest|oldest");
    if (!price && !date) return {};
    auto n = noun_phrase();
    if (!n || i_ == start) return {};
    listing l;
    l.in = n->in;
    l.shown = {{{}, l.in.of->label(), {}}};
    const column* by = price ? v_.money(*l.in.of) : l.in.of->only_date();
    if (!by || (date && !date->descending && !l.in.of->event())) return {};
    l.value = measure{aggregate::most, by};
    return ranked(std::move(l), price ? *price : *date);
}

// "which knife is the cheapest", "which product costs the least"
std::optional<plan> reader::best_by_verb() {
    if (!accept("which|what")) return {};
    auto n = noun_phrase(false);
    auto* price = n ? v_.money(*n->in.of) : nullptr;
    if (!price || n->in.of->event()) return {};
    auto d = accept("is|are")       ? degree("most expensive|priciest|costliest|dearest", "cheapest|least expensive")
             : accept("costs|cost") ? degree("most", "least")
                                    : std::nullopt;
    if (!d) return {};
    listing l;
    l.in = n->in;
    l.shown = {{{}, l.in.of->label(), {}}};
    l.value = measure{aggregate::most, price};
    return ranked(std::move(l), *d);
}

// "which city has the most customers", "the customer who spent the most in 2024", "top 5 products by revenue"
std::optional<plan> reader::best_of_subject() {
    std::size_t start = i_;
    if (accept(openings), accept("the"), accept("top")) {
        superlative places;
        auto n = number();
        if (!n || n->size() > 3) return {};
        places.last = std::atoi(n->c_str());
        auto s = subject_noun();
        if (!s || !accept("by") || (accept("the"), !rank_by(*s, places)) || places.last < 1) return {};
        return ranked(s->l, places);
    }
    i_ = start;
    bool asked = accept(openings);
    accept("the");
    auto many = attempt([&] { return number(); });
    bool who = asked && i_ == start + 1 && w_[start].lower == "who" && v_.people();
    auto s = who || !(asked || many) ? std::nullopt : subject_noun();
    if (who) {
        s.emplace().of = v_.people();
        s->l.in.of = s->of, s->l.shown = {{{}, s->of->label(), {}}};
    }
    if (!s) return {};
    std::optional<superlative> d;
    std::size_t here = i_;
    auto places = [&](superlative x) {
        if (many && x.first == 1 && x.last == 1) x.last = std::max(1, std::atoi(many->substr(0, 3).c_str()));
        return x;
    };
    superlative most;
    if (spent_most(*s, most)) return ranked(s->l, places(most));
    i_ = here;
    if (sold_most(s->l, s->key ? &*s->key : nullptr) && !s->when) return ranked(s->l, places({}));
    i_ = here;
    if (accept("was|is") && s->when) {  // "in which month of 2024 was the revenue lowest"
        accept("the|our|total");
        rows f{v_.sales(), {*s->when}};
        if (!accept("revenue|turnover") || !(d = degree("highest|largest", "lowest|smallest"))) return {};
        if (!value_of(s->l, f, {aggregate::sum, v_.money(*f.of)}, &*s->key, *s->of)) return {};
        return ranked(s->l, places(*d));
    }
    i_ = here;
    bool verb = accept(
        "placed|made|has placed|have placed|has made|have made|who placed|who made|who has placed|that placed|who have "
        "placed");
    bool earned = !verb && accept("generated|brought in|produced|that generated|that brought in");
    if (!verb && !earned)
        accept(
            "with|has|have|had|that has|that have|that had|who has|who have|who had|which has|holds|that holds|do we "
            "have");
    if (w_[i_ - 1].lower != "the" && here == i_) return {};
    d = degree("most|highest|largest|biggest|greatest", "fewest|lowest|smallest|least");
    s->counts = w_[i_ - 1].lower == "most" || w_[i_ - 1].lower == "fewest";
    if (!d || (earned && !at("revenue|turnover|total revenue")) || (verb && !at("orders|purchases"))) return {};
    if (!rank_by(*s, *d)) return {};
    return ranked(s->l, places(*d));
}

// "spent the most on kettles in 2024"
bool reader::spent_most(subject& s, superlative& d) {
    if (s.key || s.of != v_.people() || !v_.sales() ||
        !accept("spent|spend|has spent|who spent|who has spent|have spent|that spent"))
        return false;
    auto most = degree("most", "least");
    if (!most) return false;
    d = *most;
    accept("money");
    accept("in total");
    rows f{v_.sales(), {}};
    while (attempt([&] {
        if (auto c = time(*f.of->only_date())) {
            f.where.push_back(*c);
            return true;
        }
        auto n = accept("on") ? noun_phrase() : std::nullopt;
        return n && attach_rows(f, n->in);
    })) {
    }
    accept("in total");
    return value_of(s.l, f, {aggregate::sum, v_.money(*f.of)}, nullptr, *s.of);
}

// "was ordered most often", "sold the most units", "ordered most often in 2024"
bool reader::sold_most(listing& l, const column_path* key) {
    const table* sales = v_.sales();
    if (!sales || key) return false;
    rows f{sales, {}};
    measure m;
    bool passive = accept("was|is|has been|were|that was");
    if (accept("ordered|bought|purchased") && accept("most often|the most often|most frequently")) {
        if (passive == (l.in.of == v_.people())) return false;
    } else if (v_.units(*sales) && !passive && accept("sold the most units|has sold the most units"))
        m = {aggregate::sum, v_.units(*sales)};
    else
        return false;
    while (attempt([&] {
        if (auto c = time(*sales->only_date())) {
            f.where.push_back(*c);
            return true;
        }
        if (!accept("by|from|to|in")) return false;
        auto list = attempt([&]() -> std::optional<value_list> {
            auto v = values();
            if (!v || table_noun()) return {};
            return v;
        });
        if (list) return attach_values(f, *list, false);
        auto n = noun_phrase();
        return n && n->in.of != l.in.of && attach_rows(f, n->in);
    })) {
    }
    return value_of(l, std::move(f), m, nullptr, *l.in.of);
}

// "the most common status of orders", "in which city do most customers live"
std::optional<plan> reader::most_common() {
    bool in = accept("in which|which|what|from which");
    if (!in) return {};
    if (accept("is|are")) {
        auto d = degree("most common|most frequent", "least common|least frequent");
        auto s = d ? subject_noun() : std::nullopt;
        if (!s || !s->key || s->when) return {};
        rows f{s->of, {}};
        measure_posts(f);
        if (!value_of(s->l, f, {}, &*s->key, *s->of)) return {};
        return ranked(s->l, *d);
    }
    auto s = subject_noun();
    if (!s || !s->key || !accept("do most of our|do most|did most")) return {};
    auto n = noun_phrase();
    if (!n || !accept("live|live in|come from|come|belong to")) return {};
    if (!value_of(s->l, n->in, {}, &*s->key, *s->of)) return {};
    return ranked(s->l, {});
}

std::optional<plan> reader::best() {
    for (auto rule : {&reader::best_by_noun, &reader::best_by_verb, &reader::best_of_subject, &reader::most_common}) {
        std::size_t start = i_;
        auto p = (this->*rule)();
        if (p && end()) return p;
        i_ = start;
    }
    return {};
}

}  // namespace reagent::offline
