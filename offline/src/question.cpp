// What is asked: how many, how much, which, what share, whether.
#include "grammar.hpp"

#include "../../sdk/src/base/text.hpp"

namespace reagent::offline {
namespace {

using kind = condition::kind;

term value(measure m, rows r) { return {term::kind::value, m, std::move(r), {}, {}}; }

term of(term::kind k, std::vector<term> parts) { return {k, {}, {}, {}, std::move(parts)}; }

}  // namespace

std::optional<plan> reader::question() {
    while (accept("please|can you tell me|could you tell me|tell me|i want to know|i would like to know|,")) {
    }
    std::size_t start = i_;
    if (end()) return {};
    for (auto rule :
         {&reader::how_many_more, &reader::groups, &reader::how_many, &reader::how_much, &reader::share,
          &reader::whether, &reader::when, &reader::best, &reader::attribute, &reader::what_is, &reader::list}) {
        i_ = start, ambiguous_ = false;
        around_.clear();
        auto p = (this->*rule)();
        if (p) accept("please|, please|in total|altogether");
        if (p && end()) return ambiguous_ ? std::nullopt : p;
    }
    return {};
}

// "did customers in Oslo place", "did we get"
bool reader::inverted(rows& r, bool different) {
    if (accept("did we have|do we have|did we get|did we receive|have we had|have we received"))
        return r.of->event() || w_[i_ - 1].lower == "have";
    if (!accept("did|do|have|has|does")) return false;
    auto who = noun_phrase();
    if (!who || who->in.of == r.of) return false;
    if (r.of == v_.sales()) return accept("place|placed|make|made|have|submit|get|receive") && attach_rows(r, who->in);
    const table* sales = v_.sales();
    if (!sales || !different || !accept("order|ordered|buy|bought|purchase|purchased"))
        return false;  // units, or products?
    rows s{sales, {}};
    if (!attach_rows(s, who->in)) return false;
    if (auto when = time(*sales->only_date())) s.where.push_back(*when);
    auto link = link_down(r, s);
    if (link) r.where.push_back(std::move(*link));
    return link.has_value();
}

// "were sold", "have been returned", said of goods
bool reader::traded_next(const rows& r) {
    if (r.of == v_.sales() || r.of == v_.people() || !v_.sales()) return false;
    std::size_t start = i_;
    bool next = accept("were|are|was|have been|did we|do we") && at("sold|sell|ordered|bought|purchased");
    if (!next && i_ > start) {
        std::size_t n = 0;
        for (const auto& v : v_.values(w_, i_, n)) next = next || v.in == v_.sales();
    }
    i_ = start;
    return next && !at("do we sell");
}

// What is said of the rows that are counted or listed: nothing, "are there in Oslo", "did she place", "joined in 2024
// and ..."
bool reader::clause(noun& n) {
    if (end()) return true;
    if (!n.different && traded_next(n.in)) return false;  // units, or different products?
    if (attempt([&] {
            rows r = n.in;
            if (!accept("are there|were there|exist|are there in total|do we sell") && !inverted(r, n.different))
                return false;
            noun more{r, r};
            more.said = 1;
            posts(more);
            if (!end()) return false;
            n.in = more.in;
            return true;
        }))
        return true;
    rows r{n.in.of, {}};
    if (!predicates(r)) return false;
    noun more{r, r};
    more.said = 1;
    posts(more);
    for (auto& c : more.in.where) n.in.where.push_back(std::move(c));
    return true;
}

std::optional<plan> reader::how_many() {
    bool into = accept("in how many|from how many");
    if (!into && !accept("how many|how many of the|how many of our|how many of all|count|count the|count all"))
        return {};
    std::size_t start = i_;
    if (!into)
        if (auto u = units(); u && end()) return plan{*u};
    i_ = start;
    if (auto l = different_values(); l && end()) {
        l->counted = true;
        return plan{*l};
    }
    i_ = start;
    auto n = into ? std::nullopt : noun_phrase();
    if (n && clause(*n)) return plan{value({}, n->in)};
    return {};
}

// "to customers in Norway", "in 2024"
bool reader::sold_to(rows& s) {
    while (!end()) {
        bool more = attempt([&] {
            if (auto c = time(*s.of->only_date())) {
                s.where.push_back(*c);
                return true;
            }
            rows part{s.of, {}};
            if (accept("to|by|in|from")) {
                --i_;
                if (!preposition(part)) return false;
                for (auto& c : part.where) s.where.push_back(std::move(c));
                return true;
            }
            return false;
        });
        if (!more) return false;
    }
    return true;
}

// "units of the Wok were sold in 2024", "Woks are in stock in the warehouse Nord", "kettles did customers from Oslo
// buy"
std::optional<term> reader::units() {
    const table *sales = v_.sales(), *stock = v_.stock();
    bool named = accept("units of|pieces of|units|pieces");
    auto what = noun_phrase(false);
    if (!what ? !named || w_[i_ - 1].lower == "of" : !named && !what->by_value) return {};
    rows sold{sales, {}};
    if (sales && v_.units(*sales)) {
        bool fits = !what || attach_rows(sold, what->in) ||
                    (what->in.where.empty() && way_up(v_.tables(), *sales, *what->in.of));
        measure m{aggregate::sum, v_.units(*sales)};
        if (fits && accept("were sold|are sold|have been sold|were ordered|have been ordered|were bought|did we "
                           "sell|have we sold|were purchased")) {
            if (sold_to(sold)) return value(m, sold);
            return {};
        }
        std::size_t asked = i_;
        if (fits && accept("did|have")) {
            auto who = noun_phrase();
            if (who && attach_rows(sold, who->in) && accept("buy|order|purchase|bought|ordered|purchased") &&
                sold_to(sold))
                return value(m, sold);
            return {};
        }
        if (fits && named && at("were|was|are|have been")) {
            rows part{sales, {}};
            if (predicates(part) && sold_to(part)) {
                for (auto& c : part.where) sold.where.push_back(std::move(c));
                return value(m, sold);
            }
            i_ = asked;
        }
    }
    if (!stock) return {};
    rows kept{stock, {}};
    if (what && !attach_rows(kept, what->in)) return {};
    if (!accept("are in stock|are there in stock|do we have in stock|are left in stock|in stock|are stored|are kept|do "
                "we have|are"))
        return {};
    std::string last = w_[i_ - 1].lower;
    noun more{kept, kept};
    posts(more);
    if ((last == "are" || last == "have") && more.said == 0) return {};
    if (last == "are" || last == "have") {  // "are in the warehouse Nord": only a place of the stock itself
        bool own = false;
        for (const auto& c : more.in.where) own = own || c.what == kind::one_of;
        if (!own) return {};
    }
    return value({aggregate::sum, v_.stocked(*stock)}, more.in);
}

// The two sides of "... customers are in Oslo than in Bergen".
std::optional<std::pair<rows, rows>> reader::two_sets() {
    auto n = noun_phrase();
    if (!n || n->by_value) return {};
    rows base = n->in, first = n->in;
    if (accept("than")) {
        if (n->said == 0 || (n->said > 1 && !n->relative_last)) return {};
        base = n->before_last;
    } else {
        attempt([&] {
            accept("are there|were there|did we have|do we have|did we get|did we receive");
            return at("in|from|of");
        });
        rows part{n->in.of, {}};
        if (!predicate(part) && !(part.where.clear(), post(part))) return {};
        for (auto& c : part.where) first.where.push_back(std::move(c));
        if (!accept("than")) return {};
    }
    rows part{base.of, {}};
    if (!predicate(part) && !(part.where.clear(), post(part))) return {};
    rows second = base;
    for (auto& c : part.where) second.where.push_back(std::move(c));
    if (!end()) return {};
    return std::pair{first, second};
}

std::optional<plan> reader::how_many_more() {
    const table* sales = v_.sales();
    bool fewer = false;
    if (sales &&
        accept("how much more|by how much was the|how much higher was the|how much less|how much lower was the")) {
        fewer = w_[i_ - 1].lower == "less" || w_[i_ - 3].lower == "lower";
        if (!accept("revenue|turnover|money")) return {};
        accept("did we make|did we earn|came|was made|came in|was there|we made");
        rows a{sales, {}}, b{sales, {}};
        if (!post(a) || !accept("than") || !post(b) || !end()) return {};
        auto x = value({aggregate::sum, v_.money(*sales)}, a), y = value({aggregate::sum, v_.money(*sales)}, b);
        return plan{fewer ? of(term::kind::minus, {y, x}) : of(term::kind::minus, {x, y})};
    }
    if (!accept("how many more|how many fewer")) return {};
    fewer = w_[i_ - 1].lower == "fewer";
    auto sets = two_sets();
    if (!sets) return {};
    auto x = value({}, sets->first), y = value({}, sets->second);
    return plan{fewer ? of(term::kind::minus, {y, x}) : of(term::kind::minus, {x, y})};
}

// "(which, how many) different cities do our customers live in", "cities have at least 20 customers"
std::optional<listing> reader::different_values() {
    accept("of the|all|all the|the");
    accept("different|distinct|unique");
    auto s = subject_noun();
    if (!s || !s->key || s->when) return {};
    listing l;
    if (accept("are there|exist") && end()) {
        if (!value_of(l, {s->of, {}}, {}, &*s->key, *s->of)) return {};
        l.value.reset();
        return l;
    }
    if (accept("have|with|that have|which have|has|had")) {
        bool some = !at("more|at|fewer|less|exactly|over|no|not|between|only");
        auto how = some ? std::nullopt : compare();
        if (!some && (!how || how->average || how->low.number == "0" || how->op[0] == '<')) return {};
        auto n = noun_phrase();
        if (!n || n->by_value || !value_of(l, n->in, {}, &*s->key, *s->of)) return {};
        if (some)
            l.value.reset();
        else
            l.op = how->op, l.low = how->low, l.high = how->high, l.value_shown = false;
        return l;
    }
    bool we = accept("do we have");
    if (!we && !accept("do|did|are|were")) return {};
    auto n = noun_phrase();
    if (!n || n->by_value) return {};
    if (!we && !end() && !accept("live in|live|come from|came from|from|in|belong to|have|come")) return {};
    if (!we && i_ > 0 && w_[i_ - 1].stem == stem_of(n->in.of->name)) return {};
    if (!value_of(l, n->in, {}, &*s->key, *s->of)) return {};
    l.value.reset();
    return l;
}

std::optional<plan> reader::how_much() {
    const table* sales = v_.sales();
    if (!accept("how much")) return {};
    std::size_t start = i_;
    if (const table* stock = v_.stock(); stock && accept("stock")) {
        accept("is there|do we have|is");
        rows r{stock, {}};
        measure_posts(r);
        return plan{value({aggregate::sum, v_.stocked(*stock)}, r)};
    }
    if (sales) {
        rows r{sales, {}};
        measure m{aggregate::sum, v_.money(*sales)};
        bool money = accept("money|revenue|turnover");
        if (accept("did we make|did we earn|did we take in|have we made|have we earned") ||
            (money && accept("came|comes|was made|is made|was earned|did we get"))) {
            measure_posts(r);
            return plan{value(m, r)};
        }
        if (accept("did|have|has|do")) {
            auto who = noun_phrase();
            bool people = who && who->in.of == v_.people();
            if (who && attach_rows(r, who->in) &&
                (people ? accept("spend|spent|pay|paid|bring in|generate") : accept("bring in|generate|earn"))) {
                accept("in total");
                if (people && accept("on|for")) {
                    auto n = noun_phrase();
                    if (!n || !attach_rows(r, n->in)) return {};
                }
                measure_posts(r);
                return plan{value(m, r)};
            }
        }
    }
    i_ = start;
    if (!accept("does|do|is|are")) return {};
    auto n = noun_phrase();
    auto* price = n ? v_.money(*n->in.of) : nullptr;
    if (!price || n->in.of->event() || n->each.size() > 1 || (w_[start].lower[0] == 'd' && !accept("cost"))) return {};
    return attributes(n->in, {{}, price, {}});
}

std::optional<plan> reader::what_is() {
    accept(
        "what is|what was|what are|what were|what|calculate|compute|give me|show me|how high is|how high was|how large "
        "is|how large was");
    if (auto t = scalar()) return plan{*t};
    return {};
}

// "what percentage of orders were cancelled", "what share of the 2025 revenue came from business customers"
std::optional<plan> reader::share() {
    accept("what|which|what is the|what was the|the|calculate the");
    if (!accept("percentage of|percent of|share of|proportion of")) return {};
    measure m;
    noun n;
    if (auto t = attempt([&]() -> std::optional<term> {
            auto found = measure_of_table();
            if (!found || found->how.how != aggregate::sum) return {};
            return found;
        })) {
        m = t->how, n.in = n.before_last = t->in;
        posts(n);
        accept("came|comes|come|is|was|are|fell|was made|is made|was generated|is generated");
    } else if (auto found = noun_phrase())
        n = *found;
    else
        return {};
    rows whole = n.in, part = n.in;
    if (end()) {
        if (n.said == 0 || (n.said > 1 && !n.relative_last)) return {};
        whole = n.before_last;
    } else {
        rows more{n.in.of, {}};
        if (!predicates(more) && !(more.where.clear(), simple_post(more))) return {};
        noun said{more, more};
        posts(said);
        if (said.in.where.empty()) return {};
        for (std::size_t i = more.where.size(); i < said.in.where.size();
             ++i)  // "were cancelled in 2024": of those of 2024, or of all?
            if (said.in.where[i].what == kind::dated || said.in.where[i].what == kind::any) return {};
        for (auto& c : said.in.where) part.where.push_back(std::move(c));
    }
    return plan{of(term::kind::percent, {value(m, part), value(m, whole)})};
}

std::optional<plan> reader::whether() {
    if (accept("are there more|do we have more|did we have more|have we more|did we get more")) {
        auto sets = two_sets();
        if (!sets) return {};
        return plan{of(term::kind::more, {value({}, sets->first), value({}, sets->second)})};
    }
    bool there = accept(
        "are there any|are there|is there a|is there an|is there any|do we have any|do we have a|do we have|were there "
        "any");
    bool any = !there && accept("have any|has any|did any|do any|are any|is any|were any");
    bool one = !there && !any && accept("is|are|does|did|has");
    if (!there && !any && !one) return {};
    std::string verb_before = w_[i_ - (any ? 2 : 1)].lower;
    auto n = noun_phrase(!one);
    if (!n || at("who|that")) return {};
    if (one) {  // one thing, by its name
        if (!n->by_value || n->in.where.size() != 1 || n->in.where[0].of != n->in.of->label() ||
            n->in.where[0].values.size() != 1)
            return {};
    }
    rows r{n->in.of, {}};
    if (any || one) {
        bool ever = accept("ever");
        bool is = verb_before == "are" || verb_before == "is" || verb_before == "were";
        bool said = is ? !ever && be(r) : (accept("been") ? be(r) : verb(r) || having(r));
        if (!said) return {};
    }
    for (auto& c : r.where) n->in.where.push_back(std::move(c));
    return plan{term{term::kind::exists, {}, n->in, {}, {}}};
}

// The column of rows: alone where they are named or numbered, else beside their names.
plan reader::attributes(rows r, const column_path& p) const {
    listing l;
    const column* label = r.of->label();
    bool named = false;
    for (const auto& c : r.where)
        named = named || (c.what == kind::one_of && (c.of == label || c.of->name == "id") && c.values.size() == 1);
    l.in = std::move(r);
    if (!named) l.shown.push_back({{}, label, {}});
    l.shown.push_back(p);
    return {std::move(l)};
}

// "what is the price of the Wok", "which country is Aarhus in", "what does the Wok cost", "Anna Andersen's city"
std::optional<plan> reader::attribute() {
    if (attempt([&] { return accept("what does|what do"); })) {
        auto n = noun_phrase();
        auto* price = n ? v_.money(*n->in.of) : nullptr;
        if (!price || !accept("cost")) return {};
        return attributes(n->in, {{}, price, {}});
    }
    bool opened = accept("what is|what was|what are|what were|which is|give me|show me|show|list|tell me");
    std::size_t start = i_;
    for (const auto& t : v_.tables()) {  // "the price of the Wok"
        i_ = start;
        accept("the|our");
        auto p = path_noun(t);
        if (!p || !p->part.empty() || p->of == t.label() || !accept("of|for")) continue;
        auto n = noun_phrase();
        if (n && n->in.of == &t && !n->in.where.empty() && end()) return attributes(n->in, *p);
    }
    i_ = start;
    if (auto n = attempt([&]() -> std::optional<noun> {  // "the Wok's price"
            accept("the");
            auto found = noun_phrase(false);
            if (!found || !found->by_value) return {};
            return found;
        })) {
        auto p = path_noun(*n->in.of);
        if (p && p->part.empty() && end()) return attributes(n->in, *p);
    }
    i_ = start;
    if (opened || !accept("which|what|in which|in what|from which")) return {};
    std::size_t head = i_;
    for (const auto& t : v_.tables()) {  // "which category is the Wok in", "in which city does Anna Andersen live"
        i_ = head;
        auto p = path_noun(t);
        if (!p || !p->part.empty() || !accept("is|are|does|do|did")) continue;
        auto n = noun_phrase(false);
        if (!n || n->in.of != &t || n->in.where.size() != 1 || !n->each.empty()) continue;
        const column* by = n->in.where[0].of;
        if (by != t.label() && (!by || by->name != "id"))
            continue;  // of one thing; else different values are asked for
        accept("in|from|live in|live|come from|belong to|of|have|has|lie in|lies in");
        if (end()) return attributes(n->in, *p);
    }
    return {};
}

// "when did Anna Andersen join", "when was the last order from Oslo placed", "when was order 17 placed"
std::optional<plan> reader::when() {
    if (!accept("when did|when was|when were|what is the date of|what was the date of")) return {};
    accept("the");
    std::optional<aggregate> which;
    if (accept("latest|most recent|last|newest"))
        which = aggregate::most;
    else if (accept("first|earliest"))
        which = aggregate::least;
    auto n = noun_phrase();
    auto* date = n ? n->in.of->only_date() : nullptr;
    if (!date) return {};
    if (!end()) {
        std::string word = w_[i_].lower, said = split(date->name, '_')[0];
        bool fits = n->in.of->event() && accept("placed|made|ordered");
        if (!fits && !(word.size() > 2 && said.starts_with(word))) return {};
        if (!fits) furthest_ = std::max(furthest_, ++i_);
        measure_posts(n->in);
    }
    if (which) return plan{value({*which, date}, n->in)};
    if (n->in.where.empty()) return {};
    return attributes(n->in, {{}, date, {}});
}

// "revenue per country", "how many customers are there in each city", "the average price by category"
std::optional<plan> reader::groups() {
    accept("what is|what was|what are|what were|show|show me|list|give me|calculate");
    accept("the|our");
    rows f;
    measure m;
    const table* sales = v_.sales();
    bool counts = accept("how many|number of");
    if (counts) {
        auto n = noun_phrase(false);
        if (!n || n->by_value) return {};
        f = n->in;
        accept("are there|were there|do we have|did we have|did we get|were placed");
    } else if (sales && v_.units(*sales) && accept("units sold|number of units sold")) {
        f = {sales, {}}, m = {aggregate::sum, v_.units(*sales)};
    } else {
        auto t = measure_of_table();
        if (!t || t->how.how == aggregate::median) return {};
        f = t->in, m = t->how;
    }
    if (auto when = f.of->event() ? time(*f.of->only_date()) : std::nullopt) f.where.push_back(*when);
    if (!accept("per|by|for each|in each|of each|from each|for every|in every")) return {};
    auto s = subject_noun();
    if (!s || (s->when && (f.of != sales || s->key->part.empty()))) return {};
    if (s->when) f.where.push_back(*s->when);
    measure_posts(f);
    if (!s->key && (f.of == s->of || !s->l.in.where.empty())) return {};
    if (!value_of(s->l, f, m, s->key ? &*s->key : nullptr, *s->of)) return {};
    return plan{s->l};
}

std::optional<plan> reader::list() {
    std::size_t start = i_;
    if (accept("which|what|list|show|show me|name|give me|in which|from which|what are"))
        if (auto l = different_values(); l && end()) return plan{*l};
    i_ = start;
    noun n;
    if (accept("who")) {
        if (!v_.people()) return {};
        n.in.of = n.before_last.of = v_.people();
        if (!predicates(n.in)) return {};
        noun more{n.in, n.in};
        more.said = 1;
        posts(more);
        n = more;
    } else {
        bool asks = !at("which are|what are") && accept("which|what");
        if (!asks && !accept("list|show|show me|name|give me|find|who are|which are|what are")) return {};
        accept("all the names of|the names of|the name of|names of");
        auto found = noun_phrase();
        if (!found || (found->by_value && found->in.where.empty())) return {};
        n = *found;
        n.different = true;
        if (asks ? !clause(n) : !end()) return {};
        if (asks && n.in.where.empty()) {
            if (w_.back().lower != "sell" && w_.back().lower != "have" && w_.back().lower != "there") return {};
        }
    }
    if (n.in.where.empty() && n.in.of->event()) return {};  // thousands
    listing l;
    l.in = n.in;
    l.shown = {{{}, n.in.of->label(), {}}};
    return plan{l};
}

}  // namespace reagent::offline
