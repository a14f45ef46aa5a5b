#include "plan.hpp"

#include "../../sdk/src/base/text.hpp"

namespace reagent::offline {
namespace {

std::string spoken(const std::string& name) { return replace_all(name, "_", " "); }

std::string one_of(const table& t) { return stem_of(spoken(t.name)); }

std::string words_of(const term& t);

std::string number(const operand& o) { return o.computed ? "(" + words_of(*o.computed) + ")" : o.number; }

std::string compared(const std::string& op, const operand& low, const operand& high) {
    if (op == "between") return "from " + number(low) + " to " + number(high);
    std::string_view said = op == ">"    ? "above "
                            : op == ">=" ? "at least "
                            : op == "<"  ? "below "
                            : op == "<=" ? "at most "
                                         : "";
    return std::string{said} + number(low);
}

std::string listed(const std::vector<std::string>& items, const char* last) {
    std::string text;
    for (std::size_t i = 0; i < items.size(); ++i)
        text += (i == 0 ? "" : i + 1 == items.size() ? std::string{" "} + last + " " : std::string{", "}) + items[i];
    return text;
}

std::string measured(const measure& m, const std::string& of) {
    std::string c = m.of ? spoken(m.of->name) : "";
    switch (m.how) {
        case aggregate::count: return "the number of " + of;
        case aggregate::distinct: return "the number of different values of " + c + " of " + of;
        case aggregate::sum: return "the sum of " + c + " over " + of;
        case aggregate::average: return "the average " + c + " of " + of;
        case aggregate::least: return "the lowest " + c + " of " + of;
        case aggregate::most: return "the highest " + c + " of " + of;
        case aggregate::median: break;
    }
    return "the median " + c + " of " + of;
}

std::string test(const condition& c);

std::string all_of(const std::vector<condition>& parts, const char* word) {
    std::vector<std::string> said;
    for (const auto& p : parts) said.push_back(test(p));
    return listed(said, word);
}

std::string counted(const condition& c) {
    std::string text = compared(c.op, c.low, c.high);
    return c.op == ">" ? "more than" + text.substr(5) : c.op == "<" ? "fewer than" + text.substr(5) : text;
}

std::string related(const condition& c) {
    std::string of = words_of(*c.other);
    if (c.up) return "of " + of;
    if (c.op.empty()) return "with " + of;
    if (c.how.how == aggregate::count)
        return "with " + (c.op == "=" ? "exactly " : std::string{}) + counted(c) + " " + of +
               (c.op[0] == '<' ? " (none counts too)" : "");
    return "for whom " + measured(c.how, of) + " is " + compared(c.op, c.low, c.high);
}

// "ordered in 2024", "joined from 2024-03-01 on"
std::string dated(const condition& c, std::string of) {
    if (of.ends_with(" on") || of.ends_with(" at"))
        of.resize(of.size() - 3);
    else if (!of.ends_with("ed"))
        of = "with " + of;
    if (c.from.empty()) return of + " before " + c.to;
    if (c.to.empty()) return of + " on " + c.from + " or later";
    bool year = c.from.ends_with("-01-01") && c.to.ends_with("-01-01") && std::stoi(c.to) == std::stoi(c.from) + 1;
    return of + (year ? " in " + c.from.substr(0, 4) : " on or after " + c.from + " and before " + c.to);
}

std::string test(const condition& c) {
    using kind = condition::kind;
    std::string of = c.of ? spoken(c.of->name) : "";
    switch (c.what) {
        case kind::one_of: return "with " + of + " " + listed(c.values, "or");
        case kind::compared: return "with " + of + " " + compared(c.op, c.low, c.high);
        case kind::dated: return dated(c, of);
        case kind::related: return related(c);
        case kind::all: return all_of(c.parts, "and");
        case kind::any: return "either " + all_of(c.parts, "or");
        case kind::none: break;
    }
    return "except those " + all_of(c.parts, "and");
}

std::string words_of(const term& t) {
    using kind = term::kind;
    auto part = [&](std::size_t i) { return words_of(t.parts[i]); };
    switch (t.what) {
        case kind::value: return measured(t.how, words_of(t.in));
        case kind::number: return t.number;
        case kind::minus: return part(0) + ", less " + part(1);
        case kind::apart: return "how far apart are " + part(0) + " and " + part(1);
        case kind::times: return part(0) + " times " + part(1);
        case kind::over: return part(0) + ", divided by " + part(1);
        case kind::percent: return part(0) + ", in percent of " + part(1);
        case kind::exists: return "whether there are any " + words_of(t.in);
        case kind::more: return "whether " + part(0) + " is more than " + part(1);
        case kind::plus: break;
    }
    std::vector<std::string> parts;
    for (const auto& p : t.parts) parts.push_back(words_of(p));
    return listed(parts, "plus");
}

std::string shown(const listing& l) {
    std::vector<std::string> names;
    for (const auto& p : l.shown) {
        const table* of = p.up.empty() ? l.in.of : p.up.back().to;
        bool label = p.part.empty() && p.of == of->label();
        names.push_back((p.part.empty() ? "" : p.part + " of ") +
                        (label && !l.grouped ? spoken(p.of->name) : one_of(*of) + "'s " + spoken(p.of->name)));
    }
    return listed(names, "and");
}

std::string words_of(const listing& l) {
    std::string value;
    if (l.related)
        value = measured(l.related->how, words_of(*l.related->other));
    else if (l.value)
        value = l.grouped ? measured(*l.value, words_of(l.in)) : "the " + spoken(l.value->of->name);
    std::string text = l.grouped ? "each " + shown(l) : "the " + shown(l) + " of " + words_of(l.in);
    if (l.grouped && value.empty()) text = "the different values of the " + shown(l) + " of " + words_of(l.in);
    if (l.counted) text = "how many there are: " + text;
    if (!l.op.empty()) return text + " where " + value + " is " + compared(l.op, l.low, l.high);
    if (l.ranked) {
        std::string place = l.first > 1  ? "place " + std::to_string(l.first)
                            : l.last > 1 ? "the first " + std::to_string(l.last)
                                         : "the first place";
        return text + ", by " + value + (l.descending ? ", the highest first: " : ", the lowest first: ") + place;
    }
    return value.empty() || !l.value_shown ? text : text + " with " + value;
}

}  // namespace

std::string words_of(const rows& r) {
    std::string text = spoken(r.of->name);
    if (!r.where.empty()) text += " " + all_of(r.where, "and");
    return text;
}

std::string words_of(const plan& p) {
    return std::visit([](const auto& what) { return words_of(what); }, p.what);
}

}  // namespace reagent::offline
