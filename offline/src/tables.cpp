#include "tables.hpp"

#include "../../sdk/src/base/text.hpp"

namespace reagent::offline {
namespace {

class description_reader {
public:
    explicit description_reader(std::string_view line) : s_{line} {}

    std::optional<table> read() {
        table t;
        t.name = name();
        if (t.name.empty() || !accept('(')) return {};
        while (!accept(')')) {
            column c;
            c.name = name();
            if (c.name.empty()) return {};
            space();
            while (i_ < s_.size() && (is_word(s_[i_]) || s_[i_] == ' ') && s_.substr(i_, 2) != "->") c.type += s_[i_++];
            while (c.type.ends_with(' ')) c.type.pop_back();
            if (accept('(')) {  // VARCHAR(20)
                while (i_ < s_.size() && !accept(')')) ++i_;
            }
            space();
            if (s_.substr(i_, 2) == "->") {
                i_ += 2;
                c.references = name();
                if (accept('.')) c.referenced_column = name();
            }
            if (accept(':')) do
                    c.values.push_back(quoted());
                while (accept('|'));
            t.columns.push_back(std::move(c));
            if (!accept(',') && (space(), i_ >= s_.size() || s_[i_] != ')')) return {};
        }
        return t;
    }

private:
    void space() {
        while (i_ < s_.size() && s_[i_] == ' ') ++i_;
    }
    bool accept(char c) {
        space();
        if (i_ >= s_.size() || s_[i_] != c) return false;
        ++i_;
        return true;
    }
    std::string name() {
        space();
        std::string n;
        while (i_ < s_.size() && (is_word(s_[i_]) || static_cast<unsigned char>(s_[i_]) >= 0x80)) n += s_[i_++];
        return n;
    }
    std::string quoted() {
        space();
        std::string text;
        if (i_ >= s_.size()) return text;
        char q = s_[i_++];
        while (i_ < s_.size() && s_[i_] != q) {
            if (s_[i_] == '\\' && i_ + 1 < s_.size()) ++i_;
            text += s_[i_++];
        }
        ++i_;
        return text;
    }

    std::string_view s_;
    std::size_t i_ = 0;
};

}  // namespace

bool column::numeric() const {
    std::string t = to_lower(type);
    for (std::string_view n : {"int", "real", "num", "dec", "float", "doub"})
        if (t.find(n) != t.npos) return true;
    return false;
}

bool column::date() const {
    if (to_lower(type).find("date") != std::string::npos) return true;
    if (numeric() || !values.empty()) return false;
    if (to_lower(type).find("timestamp") != std::string::npos) return true;
    for (std::string_view end : {"_on", "_at", "date", "_day", "joined", "created", "since"})
        if (name.ends_with(end)) return true;
    return false;
}

const column* table::find(std::string_view column_name) const {
    for (const auto& c : columns)
        if (c.name == column_name) return &c;
    return nullptr;
}

const column* table::label() const {
    for (const char* n : {"name", "title", "full_name", "label", "email", "id"})
        if (auto* c = find(n)) return c;
    return columns.empty() ? nullptr : &columns.front();
}

const column* table::only_date() const {
    const column* found = nullptr;
    for (const auto& c : columns) {
        if (!c.date()) continue;
        if (found) return nullptr;
        found = &c;
    }
    return found;
}

bool table::event() const {
    bool refers = false;
    for (const auto& c : columns) refers = refers || !c.references.empty();
    return refers && only_date();
}

namespace {

std::vector<step> steps_from(const std::vector<table>& tables, const table& from, bool up_only) {
    std::vector<step> steps;
    for (const auto& t : tables) {
        for (const auto& c : from.columns)
            if (c.references == t.name)
                if (auto* there = t.find(c.referenced_column.empty() ? "id" : c.referenced_column))
                    steps.push_back({&t, &c, there, true});
        if (up_only) continue;
        for (const auto& c : t.columns)
            if (c.references == from.name)
                if (auto* here = from.find(c.referenced_column.empty() ? "id" : c.referenced_column))
                    steps.push_back({&t, here, &c, false});
    }
    return steps;
}

std::optional<std::vector<step>> shortest(const std::vector<table>& tables, const table& from, const table& to,
                                          bool up_only) {
    std::vector<std::vector<step>> found;
    auto first = steps_from(tables, from, up_only);
    for (const auto& s : first)
        if (s.to == &to) found.push_back({s});
    if (found.empty())
        for (const auto& s : first) {
            if (s.to == &from) continue;
            for (const auto& n : steps_from(tables, *s.to, up_only))
                if (n.to == &to && s.to != &to) found.push_back({s, n});
        }
    if (found.size() != 1) return {};
    return found.front();
}

}  // namespace

std::optional<std::vector<step>> way(const std::vector<table>& tables, const table& from, const table& to) {
    return shortest(tables, from, to, false);
}

std::optional<std::vector<step>> way_up(const std::vector<table>& tables, const table& from, const table& to) {
    return shortest(tables, from, to, true);
}

std::vector<table> read_tables(const std::string& description) {
    std::vector<table> tables;
    for (const auto& line : split(description, '\n')) {
        if (!line.starts_with("- ")) continue;
        if (auto t = description_reader{std::string_view{line}.substr(2)}.read()) tables.push_back(std::move(*t));
    }
    return tables;
}

}  // namespace reagent::offline
