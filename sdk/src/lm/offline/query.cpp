// From a question to SQL, by rules: what is asked for (a count, a sum, an average, a ranking, a list), of what, under
// which conditions; then the joins that connect the tables involved.
#include "table_question.hpp"

#include <deque>

namespace reagent::offline {
namespace {

class query_writer : table_question {
public:
    using table_question::table_question;

    std::optional<std::string> run() {
        std::optional<std::string> query;
        if (foreign_) return {};
        bool average = has("average") || has("mean");
        if (auto share = percentage())
            query = share;
        else if (auto several = priced_together())
            query = several;
        else if (auto mean = average && (has("per") || has("each")) ? aggregation() : std::nullopt)
            query = mean;
        else if (auto q = ranking())
            query = q;
        else if (auto grouped = per_group())
            query = grouped;
        else if (auto counted = counting())
            query = counted;
        else if (auto aggregate = aggregation())
            query = aggregate;
        else if (auto listed = listing())
            query = listed;
        return query;
    }

private:
    // --- joins ---------------------------------------------------------------------------------------------------

    // FROM with the joins that reach every table, by breadth-first search along foreign keys.
    std::optional<std::string> from(const table& base, const std::set<const table*>& needed, bool outer = false) const {
        std::string sql = base.name;
        std::set<const table*> joined{&base};
        for (const table* target : needed) {
            if (joined.count(target)) continue;
            std::map<const table*, std::pair<const table*, std::string>> came_from;
            std::deque<const table*> queue(joined.begin(), joined.end());
            std::set<const table*> seen = joined;
            while (!queue.empty() && !seen.count(target)) {
                const table* t = queue.front();
                queue.pop_front();
                for (const auto& other : tables_) {
                    if (seen.count(&other)) continue;
                    std::string on;
                    for (const auto& c : t->columns)
                        if (c.references == other.name)
                            on = t->name + "." + c.name + " = " + other.name + "." +
                                 (c.referenced_column.empty() ? "id" : c.referenced_column);
                    for (const auto& c : other.columns)
                        if (on.empty() && c.references == t->name)
                            on = other.name + "." + c.name + " = " + t->name + "." +
                                 (c.referenced_column.empty() ? "id" : c.referenced_column);
                    if (on.empty()) continue;
                    seen.insert(&other);
                    came_from[&other] = {t, on};
                    queue.push_back(&other);
                }
            }
            if (!seen.count(target)) return {};
            std::vector<const table*> path;
            for (const table* t = target; !joined.count(t); t = came_from[t].first) path.push_back(t);
            for (auto t = path.rbegin(); t != path.rend(); ++t) {
                sql += (outer ? " LEFT JOIN " : " JOIN ") + (*t)->name + " ON " + came_from[*t].second;
                joined.insert(*t);
            }
        }
        return sql;
    }

    std::string where() const {
        std::string sql;
        for (const auto& [t, c] : conditions_) sql += (sql.empty() ? " WHERE " : " AND ") + c;
        return sql;
    }
    std::set<const table*> condition_tables() const {
        std::set<const table*> needed;
        for (const auto& [t, c] : conditions_) needed.insert(t);
        return needed;
    }
    static std::string key(const table& t) { return t.name + "." + (t.find("id") ? "id" : "rowid"); }
    // Whether joining `needed` to `base` may repeat its rows.
    bool repeats(const table& base, const std::set<const table*>& needed) const {
        for (const table* t : needed) {
            if (t == &base) continue;
            bool upwards = reachable_upwards(base, *t, 0);
            if (!upwards) return true;
        }
        return false;
    }
    bool reachable_upwards(const table& from_table, const table& to, int depth) const {
        if (&from_table == &to) return true;
        if (depth > 5) return false;
        for (const auto& c : from_table.columns)
            for (const auto& t : tables_)
                if (c.references == t.name && reachable_upwards(t, to, depth + 1)) return true;
        return false;
    }

    // --- what is asked for ---------------------------------------------------------------------------------------

    std::optional<place> mention_at(std::size_t at, std::size_t reach) const {
        for (std::size_t k = at; k < std::min(at + reach, w_.size()); ++k)
            for (const auto& m : mentions_)
                if (m.at == k) return m;
        return {};
    }

    std::optional<std::string> counting() {
        std::size_t at = npos;
        for (std::size_t i = 0; i + 1 < w_.size(); ++i) {
            // "the number of orders", but not "the telephone number of"
            bool number = phrase({"number", "of"}, i);
            if (number && i > 0) {
                bool plain = false;
                for (std::string_view before : {"the", "total", "what", "is", "and", "of", "by", "a", "average", "overall", "than"})
                    plain = plain || w_[i - 1].lower == before;
                number = plain;
            }
            if (phrase({"how", "many"}, i) || number || phrase({"count", "of"}, i)) at = i + 2;
        }
        if (at == npos && !w_.empty() && w_[0].lower == "count") at = 1;
        if (at == npos) return {};
        auto subject = counted_noun(at);
        place m = measure_near(at);
        bool measure_first = m && (!subject || m.at <= subject->at) && m.at <= at + 2 && m.at >= at;
        bool stock = has("stock") || has("inventory") || has("warehouse") || has("left") || has("available");
        bool sold = has("sold") || has("sell") || has("bought");
        if (measure_first ||
            (m && (stock || sold) && (!subject || (!subject->c && (subject->t->label() && subject_is_product(*subject)))))) {
            if (stock && !sold) {
                if (place s = measure_named({"stock", "on_hand", "in_stock"})) m = s;
            } else if (place s = measure_named({"quantity", "qty", "units"}); s && (sold || measure_first))
                m = s;
            if (!(subject && !subject->c && stock && w_[at].stem == stem_of(subject->t->name) && compared_.count(m.c)))
                return sum_of(m, "SUM");
        }
        if (!subject) {
            // "how many kettles were sold": the value stands where the table would.
            if (m && (stock || sold)) return sum_of(m, "SUM");
            for (const auto& [t, c] : conditions_)
                if (at < used_.size() && used_[at]) subject = place{t, nullptr};
            if (!subject) return {};
        }
        if (subject->c) {  // how many cities
            auto needed = condition_tables();
            auto f = from(*subject->t, needed);
            if (!f) return {};
            return "SELECT COUNT(DISTINCT " + subject->sql() + ") AS count FROM " + *f + where();
        }
        return count_of(*subject->t);
    }
    // The noun behind "how many", over adjectives that are known values: "how many cancelled orders".
    std::optional<place> counted_noun(std::size_t at) const {
        for (; at < w_.size(); ++at) {
            if (auto m = mention_at(at, 1)) return m;
            bool skip = used_[at];
            for (std::string_view s : {"of", "our", "the", "all", "different", "distinct", "unique", "total", "such"})
                skip = skip || w_[at].lower == s;
            if (!skip) return {};
        }
        return {};
    }
    static bool subject_is_product(const place& p) { return stem_of(p.t->name) == "product" || stem_of(p.t->name) == "item"; }

    std::optional<std::string> count_of(const table& t) {
        auto needed = condition_tables();
        for (const auto& m : mentions_)  // "customers who have ordered"
            if (!m.c && m.t != &t && conditions_.empty() && !having_.first) needed.insert(m.t);
        bool never = has("never") || has("without") || phrase_anywhere({"no", "order"}) || has("haven't") || (has("not") && has("ordered"));
        for (std::size_t i = 0; i < w_.size(); ++i)
            if ((w_[i].lower == "ordered" || w_[i].lower == "bought") && conditions_.empty())
                for (const auto& other : tables_)
                    if (stem_of(other.name) == "order" && &other != &t) needed.insert(&other);
        if (never) {
            for (const table* other : needed) {
                if (other == &t) continue;
                for (const auto& c : other->columns)
                    if (c.references == t.name)
                        return "SELECT COUNT(*) AS count FROM " + t.name + " WHERE " + key(t) + " NOT IN (SELECT " + c.name + " FROM " +
                               other->name + ")";
            }
        }
        if (having_.first) {
            needed.insert(having_.first);
            auto f = from(t, needed);
            if (!f) return {};
            return "SELECT COUNT(*) AS count FROM (SELECT " + key(t) + " FROM " + *f + where() + " GROUP BY " + key(t) +
                   " HAVING COUNT(DISTINCT " + key(*having_.first) + ") " + having_.second + ")";
        }
        auto f = from(t, needed);
        if (!f) return {};
        std::string what = repeats(t, needed) ? "COUNT(DISTINCT " + key(t) + ")" : "COUNT(*)";
        return "SELECT " + what + " AS count FROM " + *f + where();
    }
    bool phrase_anywhere(std::initializer_list<std::string_view> words) const {
        for (std::size_t i = 0; i < w_.size(); ++i) {
            std::size_t k = i;
            bool same = true;
            for (auto p : words) same = same && k < w_.size() && w_[k++].stem == p;
            if (same) return true;
        }
        return false;
    }

    std::optional<std::string> sum_of(const place& m, const std::string& function) {
        auto f = from(*m.t, condition_tables());
        if (!f) return {};
        std::string value = function == "AVG" || !whole(m) ? "ROUND(" + function + "(" + m.sql() + "), 2)" : function + "(" + m.sql() + ")";
        return "SELECT " + value + " AS " +
               (function == "SUM"   ? "total"
                : function == "AVG" ? "average"
                                    : "value") +
               " FROM " + *f + where();
    }
    static bool whole(const place& m) { return to_lower(m.c->type).find("int") != npos; }

    // The measure that the question is about: one that is named and not only compared with.
    place main_measure(bool of_mentioned) const {
        place best;
        for (const auto& m : measures_) {
            if (compared_.count(m.c)) continue;
            // "total" is a column's name, and a word for sums
            bool word_only = w_[m.at].stem == "total" && measures_.size() > 1;
            if (word_only && best) continue;
            if (!best || (w_[best.at].stem == "total" && !word_only && m.at != best.at) ||
                (best.at == m.at && of_mentioned && prefer(m, best)))
                best = m;
        }
        return best;
    }

    std::optional<std::string> aggregation() {
        bool average = has("average") || has("mean") || has("avg") || has("typical");
        bool total = has("total") || has("sum") || has("revenue") || has("turnover") || has("sale") || has("spent") || has("spend") ||
                     has("overall") || has("income");
        bool much = false;
        for (std::size_t i = 0; i + 1 < w_.size(); ++i) much = much || phrase({"how", "much"}, i);
        if (!average && !total && !much) return {};
        place m = main_measure(true);
        // "average number of orders per customer"
        if (average && (has("per") || has("each"))) {
            std::size_t per = std::min(position("per"), position("each"));
            auto entity = per == npos ? std::optional<place>{} : mention_at(per + 1, 2);
            for (const auto& counted : mentions_)
                if (!counted.c && entity && counted.t != entity->t && counted.at < per) {
                    for (const auto& c : counted.t->columns)
                        if (c.references == entity->t->name)
                            return "SELECT ROUND(1.0 * COUNT(*) / (SELECT COUNT(*) FROM " + entity->t->name + "), 2) AS average FROM " +
                                   counted.t->name + where();
                }
        }
        if (!m) {
            for (const auto& mention : mentions_)
                for (const char* name : {"total", "amount", "price", "value"})
                    if (const column* c = mention.t->find(name); !m && !mention.c && c && c->numeric()) m = {mention.t, c, 0, 0};
            if (!m) return {};
        }
        if (much && !average && !total && m.c->name == "price") return attribute(m);
        return sum_of(m, average ? "AVG" : "SUM");
    }

    // "the price of the Copper Kettle"
    std::optional<std::string> attribute(const place& m) {
        if (conditions_.empty()) return {};
        auto f = from(*m.t, condition_tables());
        if (!f) return {};
        return "SELECT DISTINCT " + label_sql(*m.t) + ", " + m.sql() + " FROM " + *f + where() + " LIMIT 20";
    }
    static std::string label_sql(const table& t) { return t.name + "." + t.label()->name; }

    // "what percentage of orders were cancelled": those that fit among all.
    std::optional<std::string> percentage() {
        std::size_t at = npos;
        for (std::string_view p : {"percentage", "percent", "share", "proportion", "fraction"})
            if (at == npos) at = position(p);
        if (at == npos || conditions_.empty()) return {};
        auto of = counted_noun(at + 1);
        if (!of || of->c) return {};
        auto f = from(*of->t, condition_tables());
        if (!f) return {};
        return "SELECT ROUND(100.0 * (SELECT COUNT(DISTINCT " + key(*of->t) + ") FROM " + *f + where() + ") / (SELECT COUNT(*) FROM " +
               of->t->name + "), 2) AS percentage";
    }

    // "3 Copper Kettles and 2 Woks": so many times the price of each.
    std::optional<std::string> priced_together() {
        if (quantities_.empty()) return {};
        place price = measure_named({"price", "unit_price", "cost"});
        bool asks = has("price") || has("cost") || has("pay") || has("total") || has("much");
        if (!price || !asks || !price.t->label() || has("sold") || has("stock") || has("order")) return {};
        std::string cases;
        for (const auto& [name, quantity] : quantities_) cases += " WHEN " + text_literal(name) + " THEN " + quantity;
        auto f = from(*price.t, condition_tables());
        if (!f) return {};
        return "SELECT SUM(" + price.sql() + " * CASE " + label_sql(*price.t) + cases + " ELSE 1 END) AS total FROM " + *f + where();
    }

    struct metric {
        std::string sql;
        const table* t = nullptr;
    };

    // What an entity is ranked or grouped by.
    std::optional<metric> metric_for(const place& entity, bool average) {
        place m = main_measure(false);
        if (m && !(entity.c && m.c == entity.c)) {
            // Of several columns of that name, one of the entity's own or nearest table.
            for (const auto& other : measures_)
                if (other.at == m.at && other.t == entity.t) m = other;
            if (m.t == entity.t && !entity.c) return metric{m.sql(), nullptr};
            std::string function = average ? "AVG" : "SUM";
            if (m.t->find("price") == m.c && entity.c && !average) function = "MAX";
            return metric{whole(m) && !average ? function + "(" + m.sql() + ")" : "ROUND(" + function + "(" + m.sql() + "), 2)", m.t};
        }
        for (const auto& counted : mentions_)
            if (!counted.c && counted.t != entity.t) return metric{"COUNT(DISTINCT " + key(*counted.t) + ")", counted.t};
        for (std::string_view verb : {"ordered", "ordering", "bought", "buy"})
            if (has(verb))
                for (const auto& t : tables_)
                    if (stem_of(t.name) == "order") return metric{"COUNT(DISTINCT " + key(t) + ")", &t};
        if (entity.c) return metric{"COUNT(*)", entity.t};
        for (const auto& t : tables_)  // "our best customers": by what they brought in
            for (const auto& c : t.columns)
                if (c.references == entity.t->name)
                    for (const char* name : {"total", "amount", "quantity"})
                        if (const column* v = t.find(name)) return metric{"ROUND(SUM(" + t.name + "." + v->name + "), 2)", &t};
        return {};
    }

    std::optional<place> entity_of(std::size_t superlative) const {
        // "which city ...", "what product ..."
        for (std::size_t i = 0; i < w_.size(); ++i)
            if (w_[i].lower == "which" || w_[i].lower == "what" || w_[i].lower == "whose")
                if (auto m = mention_at(i + 1, 2); m && (!m->c || !m->c->numeric())) return narrowed(*m);
        if (has("who"))
            for (const auto& t : tables_)
                for (std::string_view people : {"customer", "user", "person", "employee", "client", "member", "author"})
                    if (stem_of(t.name) == people) return place{&t, nullptr};
        // "top 5 customers by ...", "the customer with the most orders", "the most expensive product"
        std::optional<place> first;
        for (const auto& m : mentions_) {
            if (m.c && m.c->numeric()) continue;
            if (m.at > superlative) {
                if (first && w_[superlative].lower == "most") break;  // "the customer with the most orders"
                return first ? first : narrowed(m);
            }
            if (!first) first = narrowed(m);
        }
        return first;
    }
    // "product category": the column, not the table.
    place narrowed(const place& m) const {
        for (const auto& next : mentions_)
            if (!m.c && next.c && !next.c->numeric() && next.t == m.t && next.at == m.at + m.size) return next;
        return m;
    }

    std::optional<std::string> ranking() {
        std::size_t at = npos;
        int direction = 0;
        for (std::size_t i = 0; i < w_.size(); ++i) {
            if (used_[i] || !direction_of(w_[i])) continue;
            if (i > 0 && w_[i - 1].lower == "at") continue;
            if ((w_[i].lower == "first" || w_[i].lower == "last") && !(i + 1 < w_.size() && mention_at(i + 1, 1))) continue;
            if (at == npos)
                at = i, direction = direction_of(w_[i]);
            else if (w_[i].lower == "cheapest")
                direction = 1;
        }
        if (at == npos) return {};
        std::size_t count = 1;
        for (std::size_t k = at >= 1 ? at - 1 : 0; k <= at + 1 && k < w_.size(); ++k)
            if (is_number(w_[k]) && !used_[k]) count = static_cast<std::size_t>(std::atol(number_of(w_[k]).c_str()));
        bool newest = false;
        for (std::string_view s : {"newest", "latest", "oldest", "earliest", "last", "first"}) newest = newest || w_[at].lower == s;
        auto entity = entity_of(at);
        if (!entity) {
            place m = main_measure(true);  // "the highest price"
            return m ? sum_of(m, direction < 0 ? "MAX" : "MIN") : std::nullopt;
        }
        if (count == 1 && w_[at].lower == "top" && w_[std::min(at + 1, w_.size() - 1)].lower != w_[std::min(at + 1, w_.size() - 1)].stem)
            count = 5;
        count = std::clamp<std::size_t>(count, 1, 100);
        std::string order = direction < 0 ? " DESC" : " ASC", limit = " LIMIT " + std::to_string(count);
        if (newest) {
            for (const auto& c : entity->t->columns)
                if (c.date()) {
                    auto f = from(*entity->t, condition_tables());
                    if (!f) return {};
                    return "SELECT " + label_sql(*entity->t) + ", " + entity->t->name + "." + c.name + " FROM " + *f + where() +
                           " ORDER BY " + entity->t->name + "." + c.name + order + limit;
                }
        }
        bool average = has("average") || has("mean") || has("avg");
        auto m = metric_for(*entity, average);
        if (!m) return {};
        auto needed = condition_tables();
        std::string label = entity->c ? entity->sql() : label_sql(*entity->t);
        if (!m->t) {
            auto f = from(*entity->t, needed);
            if (!f) return {};
            bool repeated = repeats(*entity->t, needed);
            return std::string{"SELECT "} + (repeated ? "DISTINCT " : "") + label + ", " + m->sql + " FROM " + *f + where() + " ORDER BY " +
                   m->sql + order + limit;
        }
        needed.insert(m->t);
        auto f = from(*entity->t, needed);
        if (!f) return {};
        std::string group = entity->c ? entity->sql() : key(*entity->t);
        return "SELECT " + label + ", " + m->sql + " AS value FROM " + *f + where() + " GROUP BY " + group + " ORDER BY value" + order +
               ", 1" + limit;
    }

    std::optional<std::string> per_group() {
        std::size_t at = npos;
        for (std::size_t i = 0; i < w_.size(); ++i) {
            bool by = w_[i].lower == "per" || w_[i].lower == "each" || (w_[i].lower == "by" && i > 0);
            if (by && mention_at(i + 1, 1)) at = i;
        }
        if (at == npos) return {};
        place entity = *mention_at(at + 1, 1);
        if (entity.c && entity.c->numeric()) return {};
        bool average = has("average") || has("mean");
        if (average && !entity.c) return {};  // an average over the groups: one number
        auto m = metric_for(entity, average);
        if (!m) return {};
        auto needed = condition_tables();
        if (m->t) needed.insert(m->t);
        auto f = from(*entity.t, needed);
        if (!f) return {};
        std::string label = entity.c ? entity.sql() : label_sql(*entity.t);
        return "SELECT " + label + ", " + m->sql + " AS value FROM " + *f + where() + " GROUP BY " +
               (entity.c ? entity.sql() : key(*entity.t)) + " ORDER BY value DESC LIMIT 100";
    }

    std::optional<std::string> listing() {
        bool asks = has("list") || has("which") || has("show") || has("who") || has("what") || has("name") || has("when") || has("where");
        if (!asks) return {};
        place m = main_measure(true);
        if (m && !conditions_.empty()) return attribute(m);
        if (has("where") && named_)
            for (const char* name : {"city", "town", "location", "address", "country"})
                if (const column* c = named_->find(name)) {
                    auto f = from(*named_, condition_tables());
                    if (!f) return {};
                    return "SELECT DISTINCT " + named_->name + "." + c->name + " FROM " + *f + where() + " LIMIT 20";
                }
        // "which city does Anna live in": a text column of whoever is named
        for (const auto& mention : mentions_)
            if (mention.c && !conditions_.empty()) {
                bool same = false;
                for (const auto& [t, c] : conditions_) same = same || c.find(mention.sql()) == 0;
                if (same) continue;
                auto f = from(*mention.t, condition_tables());
                if (!f) return {};
                return "SELECT DISTINCT " + mention.sql() + " FROM " + *f + where() + " ORDER BY 1 LIMIT 100";
            }
        if (has("when"))
            if (place d = date_column(); d && named_) {
                auto f = from(*named_, condition_tables());
                for (const auto& c : named_->columns)
                    if (f && c.date())
                        return "SELECT " + label_sql(*named_) + ", " + named_->name + "." + c.name + " FROM " + *f + where() + " LIMIT 20";
            }
        for (const auto& mention : mentions_) {
            if (mention.c || (conditions_.empty() && !having_.first && !has("list") && !has("show"))) continue;
            auto needed = condition_tables();
            if (having_.first) needed.insert(having_.first);
            auto f = from(*mention.t, needed);
            if (!f) return {};
            if (having_.first && having_.first != mention.t)
                return "SELECT " + label_sql(*mention.t) + " FROM " + *f + where() + " GROUP BY " + key(*mention.t) +
                       " HAVING COUNT(DISTINCT " + key(*having_.first) + ") " + having_.second + " ORDER BY 1 LIMIT 100";
            return "SELECT DISTINCT " + label_sql(*mention.t) + " FROM " + *f + where() + " ORDER BY 1 LIMIT 100";
        }
        if (has("list") || has("what") || has("which"))
            for (const auto& mention : mentions_)
                if (mention.c && !mention.c->numeric() && conditions_.empty() && (has("list") || has("all") || has("different")))
                    return "SELECT DISTINCT " + mention.sql() + " FROM " + mention.t->name + " ORDER BY 1 LIMIT 100";
        return {};
    }
};

}  // namespace

std::optional<std::string> write_query(const std::vector<table>& tables, const std::string& question) {
    if (tables.empty()) return {};
    return query_writer{tables, question}.run();
}

}  // namespace reagent::offline
