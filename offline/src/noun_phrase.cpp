// Sets of rows: nouns and what is said of them.
#include "grammar.hpp"

#include "../../sdk/src/base/text.hpp"

#include <algorithm>

namespace reagent::offline {
namespace {

using kind = condition::kind;

condition none_of(std::vector<condition> parts) {
    condition c{kind::none};
    c.parts = std::move(parts);
    return c;
}

// Columns whose values name things by themselves: "kettles", "the Wok".
bool names_things(const table& t, const column& c) {
    if (&c == t.label()) return true;
    for (std::string_view n : {"category", "type", "kind", "genre", "group"})
        if (c.name == n) return true;
    return false;
}

bool speaks_of(const std::vector<condition>& where, const table& t) {
    return std::any_of(where.begin(), where.end(), [&](const condition& c) {
        return (c.other && c.up && c.other->of == &t) || speaks_of(c.parts, t);
    });
}

}  // namespace

// A condition on `t`, which is the rows' own table or one that they refer to.
bool reader::attach(rows& r, const table& t, condition c) {
    if (&t == r.of) {
        r.where.push_back(std::move(c));
        return true;
    }
    auto up = way_up(v_.tables(), *r.of, t);
    if (!up) return false;
    rows* in = &r;
    for (const auto& s : *up) {
        auto same = std::find_if(in->where.begin(), in->where.end(), [&](const condition& w) {
            return w.what == kind::related && w.up && w.of == s.here && w.op.empty();
        });
        if (same == in->where.end()) {
            condition link{kind::related, s.here};
            link.theirs = s.there, link.up = true;
            link.other = std::make_shared<rows>(rows{s.to, {}});
            in->where.push_back(std::move(link));
            same = in->where.end() - 1;
        } else
            same->other = std::make_shared<rows>(*same->other);  // it may be shared with a copy
        in = same->other.get();
    }
    in->where.push_back(std::move(c));
    return true;
}

bool reader::attach_values(rows& r, const value_list& list, bool own_only) {
    std::vector<std::pair<known_value, std::vector<std::string>>> columns;
    for (const auto& item : list.items) {
        std::vector<known_value> own, others;
        for (const auto& v : item)
            if (v.in == r.of)
                own.push_back(v);
            else if (!own_only && way_up(v_.tables(), *r.of, *v.in))
                others.push_back(v);
        const auto& fit = own.empty() ? others : own;
        if (fit.size() != 1) return false;
        auto same =
            std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.first.of == fit[0].of; });
        if (same == columns.end())
            columns.push_back({fit[0], {fit[0].text}});
        else
            same->second.push_back(fit[0].text);
    }
    if (columns.size() > 1 && (list.with_and || list.with_or))
        return false;  // "from Oslo or Sweden", "from Oslo and pending"
    for (auto& [where, texts] : columns) {
        condition c{kind::one_of, where.of};
        c.values = texts;
        if (!attach(r, *where.in, std::move(c))) return false;
    }
    return true;
}

// The rows' own kind, or what they refer to: "orders from customers in Oslo".
bool reader::attach_rows(rows& r, rows other) {
    if (other.of == r.of) return false;
    if (!way_up(v_.tables(), *r.of, *other.of)) return false;
    if (other.where.empty()) {
        auto up = way_up(v_.tables(), *r.of, *other.of);
        return up->size() == 1;  // every order has a customer
    }
    condition c{kind::all};
    c.parts = std::move(other.where);
    if (c.parts.size() == 1) {
        condition only = std::move(c.parts[0]);
        return attach(r, *other.of, std::move(only));
    }
    for (auto& part : c.parts)
        if (!attach(r, *other.of, std::move(part))) return false;
    return true;
}

std::optional<condition> reader::link_down(const rows& r, rows other) const {
    if (speaks_of(other.where, *r.of)) return {};  // "customers without orders from Oslo": who is from Oslo?
    auto path = way(v_.tables(), *r.of, *other.of);
    if (!path || path->size() != 1 || path->front().up) return {};
    condition c{kind::related, path->front().here};
    c.theirs = path->front().there;
    c.other = std::make_shared<rows>(std::move(other));
    return c;
}

condition reader::compared(const rows& r, const column& c, comparison how) const {
    condition result{kind::compared, &c};
    result.op = how.op, result.low = how.low, result.high = how.high;
    if (how.average)
        result.low.computed =
            std::make_shared<term>(term{term::kind::value, {aggregate::average, &c}, {r.of, {}}, {}, {}});
    return result;
}

std::optional<reader::noun> reader::noun_phrase(bool with_posts) {
    return attempt([&]() -> std::optional<noun> {
        noun n;
        n.all = at("all");
        accept("all of the|all of our|all our|all the|all|any of the|any of our|any|the|our|a|an");
        n.different = accept("different|distinct|unique");
        if (!head(n)) return {};
        n.before_last = n.in;
        if (with_posts) posts(n);
        return n;
    });
}

bool reader::attach_year(rows& r, std::size_t where) {
    std::size_t here = i_;
    i_ = where;
    auto y = period();
    i_ = here;
    if (!r.of->event() || !y) return false;
    condition c{kind::dated, r.of->only_date()};
    c.from = y->from, c.to = y->to;
    r.where.push_back(std::move(c));
    return true;
}

// "cancelled orders", "2024 orders", "kettles", "order 17"
bool reader::head(noun& n) {
    std::vector<value_list> before;
    std::optional<std::size_t> year_at;
    while (true) {
        std::size_t start = i_;
        if (auto* t = table_noun()) {
            n.in.of = t;
            break;
        }
        if (auto list = values()) {
            before.push_back(std::move(*list));
            continue;
        }
        if (!year_at && year()) {
            year_at = start;
            continue;
        }
        break;
    }
    if (!n.in.of) {
        if (before.empty() || year_at) return false;
        const auto& last = before.back().items;
        const table* of = nullptr;
        for (const auto& v : last[0]) {
            if (!names_things(*v.in, *v.of)) continue;
            if (of && of != v.in) return false;
            of = v.in;
        }
        if (!of) return false;
        n.by_value = true;
        n.in.of = of;
        if (before.back().with_and && before.size() == 1)
            for (const auto& v : last) {
                rows one{of, {}};
                if (!attach_values(one, {{v}, false, false}, false)) return false;
                n.each.push_back(std::move(one));
            }
    }
    for (const auto& list : before)
        if (!attach_values(n.in, list, false)) return false;
    if (year_at && !attach_year(n.in, *year_at)) return false;
    std::size_t start = i_;
    accept("number|no|#");
    if (auto* id = n.in.of->find("id");
        id && !n.by_value && i_ < w_.size() && is_number(w_[i_]) && w_[i_ - 1].lower != w_[i_ - 1].stem + "s") {
        condition c{kind::one_of, id};
        c.values = {number_of(w_[i_++])};
        n.in.where.push_back(std::move(c));
        furthest_ = std::max(furthest_, i_);
    } else
        i_ = start;
    return true;
}

// What follows a noun. "and" joins more of it; "or" only two plain parts, as "a or b and c" can be read in two ways.
void reader::posts(noun& n) {
    around_.push_back(n.in.of);
    posts_of(n);
    around_.pop_back();
}

void reader::posts_of(noun& n) {
    while (!end()) {
        bool relative_next = at("who|that|which|whose");
        rows part{n.in.of, {}};
        bool more = attempt([&] {
            if (accept(", and|, but|and|but|,")) {
                std::size_t from = i_;
                return n.said > 0 && (relative(part) || predicate(part) || post(part)) &&
                       !said_of_outer(*n.in.of, from);
            }
            return post(part);
        });
        if (more) {
            rows whole = n.in;
            bool fits = true;
            for (auto& c : part.where) fits = fits && attach(n.in, *n.in.of, std::move(c));
            n.before_last = std::move(whole);
            ++n.said;
            n.relative_last = relative_next;
            continue;
        }
        bool either = n.said == 1 && n.in.where.size() == n.before_last.where.size() + 1 && attempt([&] {
                          part.where.clear();
                          std::size_t from = i_ + 1;
                          return accept("or") && (relative(part) || predicate(part) || post(part)) &&
                                 part.where.size() == 1 && !said_of_outer(*n.in.of, from);
                      });
        if (!either) return;
        condition any{kind::any};
        any.parts = {n.in.where.back(), part.where[0]};
        n.in.where.back() = std::move(any);
        n.said = 2, n.relative_last = false;
        if (at("and|but|or|,")) return;  // which belongs to which?
    }
}

bool reader::post(rows& r) {
    rows part{r.of, {}};
    auto rule = [&](bool (reader::*f)(rows&)) {
        return attempt([&] {
            part.where.clear();
            return (this->*f)(part);
        });
    };
    std::size_t from = i_;
    bool clear = rule(&reader::relative) || rule(&reader::whose) || rule(&reader::with) || rule(&reader::money_post);
    if (clear)
        ambiguous_ = ambiguous_ || said_of_outer(*r.of, from);
    else if (!rule(&reader::simple_post))
        return false;
    for (auto& c : part.where) r.where.push_back(std::move(c));
    return true;
}

// What can follow "is" as well.
bool reader::simple_post(rows& r) {
    rows part{r.of, {}};
    auto rule = [&](bool (reader::*f)(rows&)) {
        return attempt([&] {
            part.where.clear();
            return (this->*f)(part);
        });
    };
    bool found = rule(&reader::negative_post) || rule(&reader::dearer) || rule(&reader::participle) ||
                 rule(&reader::preposition) || rule(&reader::named_values) || rule(&reader::money_post);
    if (!found) return false;
    for (auto& c : part.where) r.where.push_back(std::move(c));
    return true;
}

bool reader::relative(rows& r) {
    bool person = at("who");
    return accept("who|that|which") && (!person || r.of == v_.people()) && predicates(r);
}

// Whether what follows "and" can as well be said of a noun further out, to which it then belongs: "products that were
// never bought by customers in Oslo and never ordered ...".
bool reader::said_of_outer(const table& inner, std::size_t from) {
    std::size_t here = i_;
    bool outer = false;
    auto around = around_;
    for (const auto* t : around) {
        if (t == &inner || outer) continue;
        around_.clear();  // there it belongs, if it can be read at all
        i_ = from;
        rows part{t, {}};
        for (auto rule : {&reader::relative, &reader::predicate, &reader::whose, &reader::with, &reader::simple_post}) {
            i_ = from;
            part.where.clear();
            outer = outer || (this->*rule)(part);
        }
    }
    around_ = std::move(around);
    i_ = here;
    return outer;
}

// "whose total is over 2000", "whose city is Oslo"
bool reader::whose(rows& r) {
    if (!accept("whose")) return false;
    auto p = path_noun(*r.of);
    if (!p || !p->part.empty() || !accept("is|was|are|were|equals")) return false;
    const table& t = p->up.empty() ? *r.of : *p->up.back().to;
    bool no = accept("not");
    condition c;
    if (p->of->numeric()) {
        auto how = quantity();
        if (!how) return false;
        c = compared({&t, {}}, *p->of, *how);
    } else {
        auto list = values();
        if (!list) return false;
        c = condition{kind::one_of, p->of};
        for (const auto& item : list->items) {
            auto fit = std::find_if(item.begin(), item.end(), [&](const known_value& v) { return v.of == p->of; });
            if (fit == item.end()) return false;
            c.values.push_back(fit->text);
        }
    }
    return attach(r, t, no ? none_of({c}) : c);
}

bool reader::negative_post(rows& r) {
    rows part{r.of, {}};
    if (accept("neither")) {
        auto list = values();
        if (!list || list->items.size() < 2 || list->with_or == list->with_and || !attach_values(part, *list, false))
            return false;
    } else if (accept("not from|not in|not by|not for|outside of|outside|not to")) {
        std::string before_it = w_[i_ - 1].lower;
        auto list = (accept("the"), values(before_it));
        if (!list || !attach_values(part, *list, false)) return false;
    } else if (accept("other than|except for|except|excluding")) {
        auto list = values();
        if (!list) {
            auto other = noun_phrase(false);
            if (!other || other->in.of != r.of || other->in.where.empty()) return false;
            part = other->in;
        } else {
            table_noun();
            if (!attach_values(part, *list, false)) return false;
        }
    } else if (accept("never")) {
        if (!participle(part)) return false;
    } else if (accept("not")) {
        auto list = values();
        if (!list || !attach_values(part, *list, true)) return false;
    } else
        return false;
    r.where.push_back(none_of(std::move(part.where)));
    return true;
}

bool reader::with(rows& r) {
    if (accept("without|with no|without any")) {
        accept("any|a|an|a single");
        auto n = noun_phrase();
        if (!n || n->by_value || n->all) return false;
        auto c = link_down(r, n->in);
        if (!c) return false;
        r.where.push_back(none_of({*c}));
        return true;
    }
    return accept("with|having") && having(r);
}

// Behind "with" and "have": "more than 3 orders", "no orders", "a price over 100", "status pending".
bool reader::having(rows& r) {
    if (attempt([&] {
            accept("a|an|the");
            auto* c = column_noun(*r.of);
            if (!c) return false;
            accept("of|is");
            if (c->numeric()) {
                auto how = quantity();
                if (!how) return false;
                r.where.push_back(compared(r, *c, *how));
                return true;
            }
            auto list = values();
            if (!list) return false;
            condition one{kind::one_of, c};
            for (const auto& item : list->items)
                for (const auto& v : item)
                    if (v.of == c) one.values.push_back(v.text);
            if (one.values.size() != list->items.size()) return false;
            r.where.push_back(std::move(one));
            return true;
        }))
        return true;
    if (attempt([&] {  // "with a total over 2000" is said of the column; "with more than 4 units" too
            auto how = quantity();
            auto* u = v_.units(*r.of);
            if (!how || !u || !accept("units|unit|pieces|piece")) return false;
            r.where.push_back(compared(r, *u, *how));
            return true;
        }))
        return true;
    bool no = accept("no");
    std::optional<comparison> how;
    if (!no && !accept("any|some|one or more|placed any")) how = quantity();
    auto n = noun_phrase();
    if (!n || n->by_value || n->all || (how && n->different)) return false;  // "have all orders delivered"
    auto c = link_down(r, n->in);
    if (!c) return false;
    if (how) c->op = how->op, c->low = how->low, c->high = how->high;
    if (how && how->average) return false;
    if (how && how->low.number == "0") return false;
    r.where.push_back(no ? none_of({*c}) : *c);
    return true;
}

// "in 2024", "from Oslo", "of business customers", "in the category tea"
bool reader::preposition(rows& r) {
    if (r.of->event())
        if (auto c = time(*r.of->only_date())) {
            r.where.push_back(*c);
            return true;
        }
    accept("living|based|located|coming");
    if (!accept("in|from|of|for|at|by|within|to|on|with")) return false;
    std::string before_it = w_[i_ - 1].lower;
    if (attempt([&] {
            accept("the");
            std::size_t start = i_;
            auto before = path_noun(*r.of);
            if (before && !before->part.empty()) return false;
            if (before) accept("of");
            auto list = values(before_it);
            if (!list && before) i_ = start, before.reset(), list = values(before_it);
            if (!list) return false;
            auto after = before ? std::nullopt : attempt([&] { return path_noun(*r.of); });
            rows part{r.of, {}};
            const auto& named = before ? before : after;
            if (named) {  // "the Nord warehouse": the value must be of that column
                for (auto& item : list->items) {
                    std::erase_if(item, [&](const known_value& v) { return v.of != named->of; });
                    if (item.empty()) return false;
                }
            }
            std::size_t n = 0;
            bool noun_next = !at("order|purchase") && table_noun();        // those may be verbs
            if (noun_next || !v_.values(w_, i_, n).empty()) return false;  // "from business customers": a noun, below
            if (!attach_values(part, *list, false)) return false;
            r.where = std::move(part.where);
            return true;
        }))
        return true;
    auto n = noun_phrase();
    return n && attach_rows(r, n->in);
}

// "cancelled", "cancelled or returned": only what is said of the rows themselves.
bool reader::named_values(rows& r) {
    if (accept("called|named")) {
        auto list = values();
        return list && attach_values(r, *list, true);
    }
    auto list = values();
    if (!list || list->with_and || table_noun()) return false;  // "pending and shipped" is nothing, or either
    return attach_values(r, *list, true);
}

// "placed in 2024", "ordered by customers from Oslo", "costing over 500"
bool reader::participle(rows& r) {
    const table* sales = v_.sales();
    if (sales == r.of) return accept("placed|made|ordered|received|bought") && simple_post(r);
    if (accept("costing|priced at|priced|worth")) {
        auto* price = v_.money(*r.of);
        auto how = quantity();
        if (!price || !how) return false;
        r.where.push_back(compared(r, *price, *how));
        return true;
    }
    if (!sales || r.of == v_.people()) return false;
    if (accept("ordered|bought|purchased|sold")) return trade(r, true);
    std::size_t n = 0;  // "returned by a business customer"
    auto status = v_.values(w_, i_, n);
    if (status.size() != 1 || status[0].in != sales || !link_down(r, {sales, {}})) return false;
    furthest_ = std::max(furthest_, i_ += n);
    if (!trade(r, true) || r.where.size() != 1 || !r.where[0].op.empty()) return false;
    condition c{kind::one_of, status[0].of};
    c.values = {status[0].text};
    r.where[0].other->where.push_back(std::move(c));
    return true;
}

// "over 2000", "of more than 2000 kroner", "over 3 units"
bool reader::money_post(rows& r) {
    if (r.of->event()) accept("of|for|worth|totalling|totaling");
    auto how = compare();
    if (!how || at("times|time")) return false;
    if (accept("units|unit|pieces|piece")) {
        auto* u = v_.units(*r.of);
        if (u) r.where.push_back(compared(r, *u, *how));
        return u != nullptr;
    }
    auto* c = column_noun(*r.of);
    if (c && !c->numeric()) return false;
    if (!c) c = v_.money(*r.of);
    if (!c || table_noun()) return false;
    accept("in total|in value");
    r.where.push_back(compared(r, *c, *how));
    return true;
}

// "more expensive than the Wok", "cheaper than 100 kroner", "more expensive than average"
bool reader::dearer(rows& r) {
    auto* price = v_.money(*r.of);
    bool more = accept("more expensive than");
    if (!price || (!more && !accept("cheaper than|less expensive than"))) return false;
    comparison how{more ? ">" : "<", {}, {}};
    if (accept("average|the average"))
        how.average = true;
    else if (auto n = amount())
        how.low = *n;
    else {
        auto other = noun_phrase(false);
        if (!other || other->in.of != r.of || !other->by_value || other->in.where.size() != 1) return false;
        const auto& named = other->in.where[0];
        if (named.of != r.of->label() || named.values.size() != 1) return false;
        how.low.computed = std::make_shared<term>(term{term::kind::value, {aggregate::most, price}, other->in, {}, {}});
    }
    r.where.push_back(compared(r, *price, how));
    return true;
}

// "live in Oslo and have never ordered". A second "and" that follows an "or" is not read.
bool reader::predicates(rows& r) {
    if (!predicate(r)) return false;
    std::size_t first = r.where.size();
    bool either = false;
    for (;;) {
        rows part{r.of, {}};
        bool more = !either && attempt([&] {
            part.where.clear();
            if (!accept(", and|, but|and|but")) return false;
            std::size_t from = i_;
            return (accept("who|that|which"), predicate(part)) && !said_of_outer(*r.of, from);
        });
        if (more) {
            for (auto& c : part.where) r.where.push_back(std::move(c));
            continue;
        }
        bool or_else = r.where.size() == 1 && first == 1 && attempt([&] {
                           part.where.clear();
                           std::size_t from = i_ + 1;
                           return accept("or") && (accept("who|that|which"), predicate(part)) &&
                                  part.where.size() == 1 && !said_of_outer(*r.of, from);
                       });
        if (!or_else) return true;
        condition any{kind::any};
        any.parts = {r.where[0], part.where[0]};
        r.where[0] = std::move(any);
        either = true;
        if (at("and|but|or")) return false;
    }
}

bool reader::predicate(rows& r) {
    around_.push_back(r.of);
    bool read = predicate_of(r);
    around_.pop_back();
    return read;
}

bool reader::predicate_of(rows& r) {
    rows part{r.of, {}};
    bool no = false;
    bool read = attempt([&] {
        if (accept("are|is|was|were|have been|has been|had been")) {
            accept("still|currently|now");
            no = accept("not|never");
            return be(part);
        }
        if (accept("have|has|had")) {
            no = accept("not|never|not yet|not ever");
            if (accept("been")) return be(part);
            return verb(part) || (!no && having(part));
        }
        if (accept("did|do|does")) {
            if (!(no = accept("not|never"))) return false;
            return verb(part) || (accept("have") && having(part));
        }
        no = accept("never");
        return verb(part);
    });
    if (!read || part.where.empty() || (no && part.where.size() > 1)) return false;  // not both, or neither?
    if (no)
        r.where.push_back(none_of(std::move(part.where)));
    else
        for (auto& c : part.where) r.where.push_back(std::move(c));
    return true;
}

bool reader::be(rows& r) {
    for (auto rule : {&reader::simple_post, &reader::dated}) {
        rows part{r.of, {}};
        if (!attempt([&] { return (this->*rule)(part); })) continue;
        r.where = std::move(part.where);
        return true;
    }
    auto n = noun_phrase(false);  // "are business customers"
    if (!n || n->in.of != r.of || n->by_value) return false;
    r.where = n->in.where;
    return true;
}

bool reader::verb(rows& r) {
    auto rule = [&](bool (reader::*f)(rows&)) {
        return attempt([&] {
            r.where.clear();
            return (this->*f)(r);
        });
    };
    if (rule(&reader::placed) || rule(&reader::did_to) || rule(&reader::spent) || rule(&reader::dated)) return true;
    auto* money = v_.money(*r.of);
    return attempt([&] {
        r.where.clear();
        if (accept("order|ordered|buy|bought|purchase|purchased")) return trade(r, false);
        if (accept("live|lived|lives|come|comes|came|belong|belongs|belonged|go|goes|went")) return preposition(r);
        if (accept("contain|contains|contained|include|includes|included")) {
            auto* u = v_.units(*r.of);
            auto how = quantity();
            if (how && (!u || !accept("units|unit|pieces|piece"))) return false;
            if (how) {
                r.where.push_back(compared(r, *u, *how));
                return true;
            }
            auto n = noun_phrase();
            return n && attach_rows(r, n->in) && !r.where.empty();
        }
        if (accept("cost|costs|total|totalled")) {
            auto how = quantity();
            if (money && how) r.where.push_back(compared(r, *money, *how));
            return money && how;
        }
        if (accept("exceed|exceeds|exceeded")) {
            auto n = amount();
            if (money && n) r.where.push_back(compared(r, *money, {">", *n, {}}));
            return money && n;
        }
        return false;
    });
}

// "more than 3 different products"
bool reader::different_goods(purchase& p) {
    auto c = compare();
    if (!c || !accept("different|distinct")) return false;
    auto n = noun_phrase();
    const table& sales = *p.sets[0].of;
    auto up = n ? way_up(v_.tables(), sales, *n->in.of) : std::nullopt;
    if (!up || up->size() != 1 || n->all || !attach_rows(p.sets[0], n->in)) return false;
    p.count = c, p.how = {aggregate::distinct, up->front().here};
    return true;
}

// "the Wok and the Teapot": each in an order of its own. False for what cannot be read; no object at all is fine.
bool reader::goods(purchase& p, const rows& who) {
    const table* sales = p.sets[0].of;
    bool both = at("both"), good = true;
    attempt([&] {
        auto n = noun_phrase();
        if (!n || n->in.of == sales || n->in.of == who.of) return false;
        std::vector<rows> each = n->each.empty() ? std::vector<rows>{n->in} : n->each;
        good = !n->all && !(both && n->each.empty()) && (each.size() == 1 || n->in.where.size() == 1);
        p.sets.assign(each.size(), rows{sales, {}});
        for (std::size_t i = 0; i < each.size(); ++i) good = good && attach_rows(p.sets[i], each[i]);
        return true;
    });
    return good;
}

// "more than twice", "at least 3 times"
bool reader::how_often(purchase& p) {
    std::string_view op = accept("more than")              ? ">"
                          : accept("at least")             ? ">="
                          : accept("at most|no more than") ? "<="
                          : accept("fewer than|less than") ? "<"
                          : accept("exactly|only")         ? "="
                                                           : "";
    auto n = times();
    if (!n || op.empty()) return false;
    p.count = comparison{std::string{op}, {*n, {}}};
    return true;
}

// When, and of goods by whom.
bool reader::circumstances(purchase& p, const rows& who, bool passive) {
    const table* sales = p.shared.of;
    if (auto c = time(*sales->only_date())) {
        p.shared.where.push_back(*c);
        return true;
    }
    if (!passive || !accept("by|to|from|in")) return false;
    auto list = attempt([&]() -> std::optional<value_list> {
        auto l = values();
        if (!l || table_noun()) return {};
        return l;
    });
    if (list) return attach_values(p.shared, *list, false);
    auto n = noun_phrase();
    return n && !n->all && n->in.of != who.of && attach_rows(p.shared, n->in);
}

// "in both 2023 and 2025"
bool reader::in_both(purchase& p) {
    if (!accept("in both")) return true;
    auto first = period();
    auto second = first && accept("and") ? period() : std::nullopt;
    if (!second || p.sets.size() != 1 || !p.shared.where.empty()) return false;
    p.sets.push_back(p.sets[0]);
    for (std::size_t i = 0; i < 2; ++i) {
        condition c{kind::dated, p.shared.of->only_date()};
        c.from = (i ? second : first)->from, c.to = (i ? second : first)->to;
        p.sets[i].where.push_back(std::move(c));
    }
    return true;
}

// "bought kettles but no tea", "ordered in 2023 but not in 2025"
bool reader::but_not(const purchase& p, rows& r) {
    if (p.sets.size() != 1 || p.count) return true;
    const table* sales = p.shared.of;
    rows other{sales, {}};
    std::size_t start = i_;
    if (!accept("but not|but no|but never|and not|and no")) return true;
    if (auto then = time(*sales->only_date())) {
        if (p.shared.where.size() != 1 || p.shared.where[0].what != kind::dated) return false;
        other = p.sets[0];
        other.where.back() = *then;
    } else {
        auto n = noun_phrase();
        if (!n) {
            i_ = start;  // "and not from Oslo" goes on elsewhere
            return true;
        }
        if (!p.shared.where.empty() || n->in.of == sales || n->each.size() > 1 || n->all || !attach_rows(other, n->in))
            return false;
    }
    auto c = link_down(r, other);
    if (c) r.where.push_back(none_of({*c}));
    return c.has_value();
}

// "ordered kettles more than twice in 2024", "ordered by customers from Oslo"
bool reader::trade(rows& r, bool passive) {
    const table* sales = v_.sales();
    if (!sales || r.of == sales) return false;
    purchase p{{rows{sales, {}}}, {}, {}, rows{sales, {}}};
    accept("anything|something|any products|a product|products");
    if (!attempt([&] { return different_goods(p); })) {
        if (!passive && !goods(p, r)) return false;
        attempt([&] { return how_often(p); });
    }
    while (attempt([&] { return circumstances(p, r, passive); })) {
    }
    if (!in_both(p) || (p.sets.size() > 1 && p.count)) return false;
    for (auto& s : p.sets) {
        for (const auto& c : p.shared.where) s.where.push_back(c);
        auto c = link_down(r, s);
        if (!c) return false;
        if (p.count) c->how = p.how, c->op = p.count->op, c->low = p.count->low, c->high = p.count->high;
        r.where.push_back(std::move(*c));
    }
    return but_not(p, r);
}

// "placed more than five orders"
bool reader::placed(rows& r) {
    if (!accept("place|placed|make|made")) return false;
    std::size_t start = i_;
    if (!having(r) || r.where.size() != 1) return false;
    const auto& c = r.where[0].what == kind::none ? r.where[0].parts[0] : r.where[0];
    return c.what == kind::related && c.other->of == v_.sales() && i_ > start;
}

// "cancelled an order", "returned the Wok"
bool reader::did_to(rows& r) {
    const table* sales = v_.sales();
    if (!sales || r.of == sales) return false;
    std::size_t n = 0;
    auto found = v_.values(w_, i_, n);
    if (n != 1 || found.size() != 1 || found[0].in != sales || !w_[i_].lower.ends_with("ed")) return false;
    ++i_;
    rows s{sales, {}};
    condition status{kind::one_of, found[0].of};
    status.values = {found[0].text};
    auto how = compare();
    if (!how) accept("anything|any");
    std::size_t start = i_;
    auto object = noun_phrase();
    if (!object || object->each.size() > 1) {
        i_ = start;
        if (how || w_[i_ - 1].lower != "anything") return false;
    } else if (object->in.of == sales)
        s = object->in;
    else if (how || !attach_rows(s, object->in))
        return false;
    s.where.push_back(std::move(status));
    if (auto c = time(*sales->only_date())) s.where.push_back(*c);
    auto c = link_down(r, s);
    if (!c) return false;
    if (how) c->op = how->op, c->low = how->low, c->high = how->high;
    r.where.push_back(std::move(*c));
    return true;
}

// "spent more than 1000 on kettles in 2024"
bool reader::spent(rows& r) {
    const table* sales = v_.sales();
    if (!sales || r.of != v_.people() || !accept("spend|spent")) return false;
    auto how = compare();
    if (!how || how->average || how->op[0] == '<') return false;  // are those who never ordered among them?
    accept("in total|altogether");
    rows s{sales, {}};
    while (attempt([&] {
        if (auto c = time(*sales->only_date())) {
            s.where.push_back(*c);
            return true;
        }
        if (!accept("on|for")) return false;
        auto n = noun_phrase();
        return n && attach_rows(s, n->in);
    })) {
    }
    accept("in total|altogether");
    auto c = link_down(r, s);
    if (!c) return false;
    c->how = {aggregate::sum, v_.money(*sales)};
    c->op = how->op, c->low = how->low, c->high = how->high;
    r.where.push_back(std::move(*c));
    return true;
}

// "joined in 2024", where a column says when.
bool reader::dated(rows& r) {
    if (i_ >= w_.size()) return false;
    auto root = [](std::string s) {
        for (std::string_view tail : {"ed", "s"})
            if (s.size() > tail.size() + 2 && s.ends_with(tail)) return s.substr(0, s.size() - tail.size());
        return s;
    };
    for (const auto& c : r.of->columns) {
        if (!c.date() || c.name.ends_with("date") || root(split(c.name, '_')[0]) != root(w_[i_].lower)) continue;
        furthest_ = std::max(furthest_, ++i_);
        auto when = time(c);
        if (when) r.where.push_back(*when);
        return when.has_value();
    }
    return false;
}

}  // namespace reagent::offline
