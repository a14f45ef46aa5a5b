// One number about rows: counts, sums, averages, differences, prices.
#include "grammar.hpp"

#include "../../sdk/src/base/text.hpp"

namespace reagent::offline {
namespace {

term value(measure m, rows r) { return {term::kind::value, m, std::move(r), {}, {}}; }

term of(term::kind k, std::vector<term> parts) { return {k, {}, {}, {}, std::move(parts)}; }

}  // namespace

std::optional<term> reader::scalar() {
    for (auto rule :
         {&reader::between, &reader::price_of_things, &reader::per_row, &reader::counted, &reader::measured}) {
        std::size_t start = i_;
        if (auto t = attempt([&] { return (this->*rule)(); }); t && end()) return t;
        i_ = start;
    }
    return {};
}

// "the number of orders from Oslo"
std::optional<term> reader::counted() {
    accept("the|our");
    accept("total");
    if (!accept("number of|count of")) return {};
    auto n = noun_phrase();
    if (!n) return {};
    return value({}, std::move(n->in));
}

std::optional<aggregate> reader::aggregate_word() {
    if (accept("total|sum of the|sum of|sum of all|combined|overall")) return aggregate::sum;
    if (accept("average|mean")) return aggregate::average;
    if (accept("median")) return aggregate::median;
    if (accept("highest|maximum|max|largest|biggest|greatest")) return aggregate::most;
    if (accept("lowest|minimum|min|smallest")) return aggregate::least;
    return {};
}

// "total revenue", "median order total", "average price": of which table, and over all of its rows.
std::optional<term> reader::measure_of_table() {
    accept("the|our");
    std::optional<condition> in_year;
    const table* sales = v_.sales();
    auto with_year = [&](term t) {
        if (in_year) t.in.where.push_back(*in_year);
        return t;
    };
    std::size_t start = i_;
    if (sales && year()) {
        std::swap(start, i_);
        auto y = period();
        i_ = start;
        in_year = condition{condition::kind::dated, sales->only_date()};
        in_year->from = y->from, in_year->to = y->to;
    }
    auto how = aggregate_word();
    if (sales && (!how || *how == aggregate::sum) && accept("revenue|turnover"))
        return with_year(value({aggregate::sum, v_.money(*sales)}, {sales, {}}));
    if (!how || in_year) return {};
    if (const table* stock = v_.stock(); stock && *how == aggregate::sum && accept("stock"))
        return value({aggregate::sum, v_.stocked(*stock)}, {stock, {}});
    if (sales && *how == aggregate::sum && accept("number of units sold|units sold|quantity sold"))
        return value({aggregate::sum, v_.units(*sales)}, {sales, {}});
    const table* owner = nullptr;
    std::size_t before = i_;
    const table* named = table_noun();
    std::size_t after = i_ = named ? i_ : before, done = 0;
    const column* c = nullptr;
    for (const auto& t : v_.tables()) {
        if (named && &t != named) continue;
        i_ = after;
        auto* found = column_noun(t);
        if (!found || !found->numeric()) continue;
        if (c) return {};
        c = found, owner = &t, done = i_;
    }
    if (!c) return {};
    i_ = done;
    return value({*how, c}, {owner, {}});
}

// "of cancelled orders", "from Norway", "in 2024", in any order.
void reader::measure_posts(rows& r) {
    while (!end()) {
        rows part{r.of, {}};
        bool more = attempt([&] {
            if (!accept("of|for|over|across|on|among|from")) return false;
            auto n = noun_phrase();
            if (!n || n->in.of != r.of) return false;
            part = n->in;
            return true;
        });
        if (!more && !attempt([&] {
                part.where.clear();
                return post(part);
            }))
            return;
        for (auto& c : part.where) r.where.push_back(std::move(c));
    }
}

std::optional<term> reader::measured() {
    auto t = measure_of_table();
    if (!t) return {};
    accept("per order|per purchase");  // an average over orders is that already
    if (w_[i_ - 1].lower == "order" && i_ > 1 && w_[i_ - 2].lower == "per" &&
        (t->in.of != v_.sales() || t->how.how != aggregate::average))
        return {};
    measure_posts(t->in);
    return t;
}

// "the difference in revenue between 2024 and 2023", "in price between the Wok and the Teapot"
std::optional<term> reader::difference_in() {
    auto t = measure_of_table();
    if (!t)
        t = attempt([&]() -> std::optional<term> {
            for (const auto& table : v_.tables())
                if (auto* c = column_noun(table); c && c->numeric()) return value({aggregate::most, c}, {&table, {}});
            return {};
        });
    if (!t || !accept("between")) return {};
    auto side = [&](rows r) -> std::optional<term> {
        auto part = attempt([&]() -> std::optional<rows> {
            if (auto p = r.of->event() ? period() : std::nullopt) {
                condition c{condition::kind::dated, r.of->only_date()};
                c.from = p->from, c.to = p->to;
                r.where.push_back(std::move(c));
                return r;
            }
            accept("the");
            std::size_t n = 0;
            auto v = v_.values(w_, i_, n);
            i_ += n;
            if (v.empty() || !attach_values(r, {{v}, false, false}, false)) return {};
            return r;
        });
        if (!part) return {};
        bool one = r.of->event() || part->where.back().of == r.of->label();
        if (!one && t->how.how == aggregate::most) return {};
        return value(t->how, *part);
    };
    auto a = side(t->in);
    if (!a || !accept("and")) return {};
    auto b = side(t->in);
    if (!b) return {};
    return of(term::kind::apart, {*a, *b});
}

// "the difference between the highest and the lowest price of knives"
std::optional<term> reader::between() {
    accept("the");
    if (!accept("difference")) return {};
    if (accept("in")) return difference_in();
    if (!accept("between")) return {};
    accept("the");
    auto first = aggregate_word();
    bool thing = !first && accept("most expensive");
    if (!first && !thing) return {};
    if (!accept("and")) return {};
    accept("the");
    auto second = thing ? std::optional<aggregate>{} : aggregate_word();
    rows r;
    const column* c = nullptr;
    if (thing) {
        if (!accept("cheapest|least expensive")) return {};
        auto n = noun_phrase();
        if (!n || !(c = v_.money(*n->in.of))) return {};
        r = n->in, first = aggregate::most, second = aggregate::least;
    } else {
        if (!second || *first == *second) return {};
        auto start = i_;
        auto t = (i_ = start - 1, measure_of_table());
        if (!t || !t->how.of) return {};
        r = t->in, c = t->how.of;
        measure_posts(r);
    }
    return of(term::kind::apart, {value({*first, c}, r), value({*second, c}, r)});
}

// "the average number of orders per customer"
std::optional<term> reader::per_row() {
    accept("the|our");
    if (!accept("average|mean")) return {};
    const table* sales = v_.sales();
    if (sales && accept("number of units per order")) {
        auto* u = v_.units(*sales);
        if (!u) return {};
        rows r{sales, {}};
        measure_posts(r);
        return value({aggregate::average, u}, std::move(r));
    }
    term whole;
    if (sales && accept("revenue")) {
        whole = value({aggregate::sum, v_.money(*sales)}, {sales, {}});
        if (accept("per order|of an order|from an order")) {
            whole.how.how = aggregate::average;
            measure_posts(whole.in);
            return whole;
        }
    } else if (accept("number of")) {
        auto n = noun_phrase(false);
        if (!n) return {};
        whole = value({}, n->in);
    } else
        return {};
    if (!accept("per|for each|of a|of each")) return {};
    auto one = noun_phrase();
    if (!one || !link_down(one->in, whole.in) || !attach_rows(whole.in, one->in)) return {};
    return of(term::kind::over, {whole, value({}, one->in)});
}

// "the total price of 3 Copper Kettles and 2 Woks"
std::optional<term> reader::price_of_things() {
    accept("the");
    accept("total|combined");
    if (!accept("price of|cost of")) return {};
    std::vector<term> things;
    do {
        auto n = number();
        if (!n) accept("a|an|one|the");
        auto thing = noun_phrase(false);
        if (!thing || !thing->by_value || thing->in.where.size() != 1) return {};
        const auto& named = thing->in.where[0];
        auto* price = v_.money(*thing->in.of);
        if (named.of != thing->in.of->label() || !price) return {};
        for (const auto& name : named.values) {
            rows one = thing->in;
            one.where[0].values = {name};
            term p = value({aggregate::most, price}, one);
            if (named.values.size() > 1 && n) return {};
            things.push_back(n ? of(term::kind::times, {{term::kind::number, {}, {}, *n, {}}, p}) : p);
        }
    } while (accept(", and|and|,"));
    return things.size() == 1 ? things[0] : of(term::kind::plus, things);
}

}  // namespace reagent::offline
