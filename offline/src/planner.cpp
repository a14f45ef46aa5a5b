#include "planner.hpp"

#include "../../sdk/src/base/text.hpp"
#include "arithmetic.hpp"
#include "documents.hpp"
#include "grammar.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

namespace reagent::offline {
namespace {

// Thrown by `ask` when a tool has not been asked yet: the plan so far ends in this call.
struct pending {
    next_call call;
};
struct cannot {
    std::string why;
};

struct finding {
    std::string answer;
    std::vector<std::string> items;
    std::string reasoning;
};

// "how many are there, and what is ...": a question that begins behind an "and".
bool asks_twice(const std::vector<word>& words) {
    for (std::size_t i = 1; i + 1 < words.size(); ++i)
        if (words[i].lower == "and")
            for (std::string_view begin : {"what", "how", "which", "who", "where", "when"})
                if (words[i + 1].lower == begin) return true;
    return false;
}

// A plan is straight-line code: `ask` answers from the past as far as it reaches, and stops at the first new call.
class planner {
public:
    explicit planner(const prompt& p) : p_{p} {
        for (const auto& t : p.tools) {
            if (t.name == "calculator")
                calculator_ = &t;
            else if (auto tables = read_tables(t.description); !tables.empty() && t.arguments.size() == 1)
                sql_ = &t, tables_ = std::move(tables);
            else if (t.name.find("search") != t.name.npos && !t.arguments.empty())
                search_ = &t;
            else if (t.name == "current_time")
                time_ = &t;
        }
    }

    finding run() {
        std::string question = p_.question();
        if (trim(question).empty()) throw cannot{"there is no question"};
        if (question.size() > 1000) throw cannot{"a question of more than 1,000 characters is too long for me"};
        if (time_ && asks_for_time(question)) {
            std::string now = ask(*time_, {}, "I look at the clock.");
            return {now, {}, "The clock says " + now + "."};
        }
        int decimals = -1;
        std::string unrounded = without_rounding(question, decimals);
        auto a = read_arithmetic(unrounded);
        if (a && a->operators > 0 && a->unknowns.empty()) return calculated(a->expression, decimals);
        if (sql_ && !read(unrounded)) look_for_values(unrounded);
        if (sql_)
            if (auto found = read(unrounded)) {
                finding f = from_tables(*found);
                if (decimals >= 0) f.answer = rounded(f.answer, decimals);
                return f;
            }
        if (a && a->operators > 0 &&
            std::all_of(a->unknowns.begin(), a->unknowns.end(), [&](const auto& u) { return can_look_up(u); }))
            return combined(*a, decimals);
        if (decimals >= 0) throw declined(unrounded);
        return look_up(question);
    }

private:
    std::string ask(const offered_tool& t, json::object arguments, const std::string& thought) {
        if (next_ == p_.past.size()) throw pending{{thought, t.name, std::move(arguments)}};
        const auto& step = p_.past[next_++];
        if (step.observation.starts_with("Error:"))
            throw cannot{"the tool " + step.tool + " failed: " + cut(step.observation, 300)};
        return step.observation;
    }

    static bool asks_for_time(const std::string& q) {
        std::string s = to_lower(q);
        for (const char* phrase : {"what time is it", "current time", "what day is it", "today's date",
                                   "what is the date", "current date", "what is the time", "what date is it"})
            if (s.find(phrase) != s.npos) return true;
        return false;
    }

    static std::string without_rounding(const std::string& q, int& decimals) {
        auto at = to_lower(q).find("rounded to ");
        if (at == q.npos) at = to_lower(q).find("round to ");
        if (at == q.npos) return q;
        auto words = words_of(q.substr(at));
        if (words.size() > 2) decimals = words[2].lower == "the" ? 0 : std::atoi(number_of(words[2]).c_str());
        std::string head{trim(q.substr(0, at))};
        while (head.ends_with(',')) head.pop_back();
        return head + "?";
    }

    finding calculated(std::string expression, int decimals = -1) {
        if (!calculator_) throw cannot{"the question is arithmetic, and there is no calculator among the tools"};
        if (expression.starts_with('(') && balanced(expression))
            expression = expression.substr(1, expression.size() - 2);
        std::string result =
            ask(*calculator_, {{calculator_->arguments.front(), expression}}, "This is arithmetic; I calculate it.");
        if (decimals >= 0) result = rounded(result, decimals);
        return {result, {}, "The calculator says that " + expression + " is " + result + "."};
    }
    static bool balanced(const std::string& s) {  // whether the first parenthesis closes at the end
        int open = 0;
        for (std::size_t i = 0; i < s.size(); ++i) {
            open += s[i] == '(' ? 1 : s[i] == ')' ? -1 : 0;
            if (open == 0) return i + 1 == s.size();
        }
        return false;
    }

    static std::string rounded(const std::string& number, int decimals) {
        if (number.find_first_not_of("-0123456789") == number.npos)
            return number;  // whole, and perhaps more than a double holds
        char* end = nullptr;
        double value = std::strtod(number.c_str(), &end), scaled = value * std::pow(10, decimals);
        if (*end || decimals > 12 || std::abs(scaled) >= most_whole) return number;
        return without_point(std::round(scaled) / std::pow(10, decimals));
    }

    // Arithmetic on things that the other tools know: look them up first, then calculate.
    finding combined(const arithmetic& a, int decimals) {
        std::string expression = a.expression, reasoning;
        for (std::size_t i = 0; i < a.unknowns.size(); ++i) {
            finding f = look_up(a.unknowns[i]);
            std::string number = f.items.size() > 1 ? "" : only_number(f.answer);
            if (number.empty()) throw cannot{"\"" + a.unknowns[i] + "\" turned out to be no number: " + f.answer};
            expression = replace_all(expression, "{" + std::to_string(i) + "}", number);
            reasoning += f.reasoning + " ";
        }
        finding result = calculated(expression, decimals);
        result.reasoning = reasoning + result.reasoning;
        return result;
    }
    bool can_look_up(const std::string& words) const {
        return (sql_ && (read(words) || (search_ && clause_of(words)))) || (search_ && words_of(words).size() > 1);
    }

    std::optional<reagent::offline::plan> read(const std::string& question, std::string* rest = nullptr) const {
        vocabulary v{tables_, found_};
        auto words = words_of(question);
        if (words.size() > 60) return {};
        reader r{v, std::move(words)};
        auto p = r.question();
        if (rest) *rest = r.rest();
        return p;
    }

    finding look_up(const std::string& question) {
        if (sql_) {
            if (auto p = read(question)) return from_tables(*p);
            if (search_)
                if (auto c = clause_of(question))
                    if (auto p = read(with_clause_resolved(*c))) return from_tables(*p);
        }
        if (search_) {
            std::string observed =
                search(question, "The tables do not answer this as I read it; I search the documents.");
            std::string s = answering_sentence(observed, question);
            if (!s.empty()) return {s, {s}, "The documents say: " + s};
        }
        throw declined(question);
    }

    // What was not understood, and what would be.
    cannot declined(const std::string& question) const {
        if (!sql_) {
            if (search_) return {"no sentence of the documents has all the words of the question and what it asks for"};
            if (calculator_)
                return {
                    "I only see a calculator, and the question is no arithmetic that I can read, such as \"What is 17% "
                    "of 2340?\""};
            return {"there is no tool that could answer this"};
        }
        std::string rest;
        read(question, &rest);
        std::string why = asks_twice(words_of(question)) ? "it asks for two things; ask for one, then for the other"
                          : rest.empty()                 ? "I do not understand all of it"
                                                         : "I do not understand it from \"" + rest + "\" on";
        if (search_) why += ", and no sentence of the documents answers it";
        std::string can;
        for (const auto& e : examples(question)) can += (can.empty() ? ". I could answer \"" : " or \"") + e + "\"";
        return {why + can};
    }

    // Two questions that can be answered, rather about what was asked for.
    std::vector<std::string> examples(const std::string& question) const {
        std::vector<std::pair<bool, std::string>> all;
        auto words = words_of(question);
        auto offer = [&](const table& t, const std::string& text) {
            auto said = words_of(replace_all(t.name, "_", " "));
            if (read(text)) all.emplace_back(find_phrase(words, said) == std::string::npos, text);
        };
        for (const auto& t : tables_) {
            std::string name = replace_all(t.name, "_", " "), one = stem_of(name);
            for (const auto& c : t.columns) {
                if (!c.values.empty() && &c != t.label())
                    offer(t, "How many " + name + " are there per " + c.name + "?");
                if (c.numeric() && !c.key()) offer(t, "What is the average " + c.name + " of " + name + "?");
            }
            offer(t, "How many " + name + " are there?");
        }
        std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<std::string> two;
        for (const auto& [other, text] : all)
            if (two.size() < 2) two.push_back(text);
        return two;
    }

    // Names and values that no description lists are asked for: of which column is "Anna Andersen"?
    void look_for_values(const std::string& question) {
        bool listed = false;
        std::string places;
        for (const auto& t : tables_)
            for (const auto& c : t.columns) {
                listed = listed || !c.values.empty();
                if (!c.text() || !c.values.empty()) continue;
                places += std::string{places.empty() ? "" : " UNION "} + "SELECT '" + t.name + "." + c.name +
                          "' AS place, " + c.name + " AS value FROM " + t.name;
            }
        auto phrases = places.empty() ? std::vector<std::string>{} : unknown_phrases(question, listed);
        if (phrases.empty()) return;
        std::string list;
        for (const auto& p : phrases) list += (list.empty() ? "'" : ", '") + replace_all(p, "'", "''") + "'";
        std::string query =
            "SELECT DISTINCT place, value FROM (" + places + ") AS known WHERE LOWER(value) IN (" + list + ")";
        for (const auto& row : rows_of(ask(*sql_, {{sql_->arguments.front(), limited(query)}},
                                           "First I look where the names in the question stand in the tables.")))
            if (row.size() == 2 && row[0].is_string() && row[1].is_string())
                for (const auto& t : tables_)
                    for (const auto& c : t.columns)
                        if (row[0].get_string() == t.name + "." + c.name)
                            found_.push_back({&t, &c, std::string{row[1].get_string()}});
    }

    // Up to four words in a row, each of which may be part of a name.
    std::vector<std::string> unknown_phrases(const std::string& question, bool capitals) const {
        std::vector<std::string> phrases;
        auto w = words_of(question);
        vocabulary v{tables_, found_};
        for (std::size_t i = 0; i < w.size(); ++i) {  // what is known is no name
            std::size_t n = 0;
            if (v.values(w, i, n).empty() && !v.noun(w, i, n)) continue;
            for (std::size_t k = i; k < i + n; ++k) w[k].text = ",";
            i += n - 1;
        }
        auto may_be_name = [&](std::size_t i) {
            bool mark = w[i].text.size() == 1 && !is_alpha(w[i].text[0]);
            return !mark && !is_number(w[i]) && (capitals ? w[i].capital() && i > 0 : !is_stop_word(w[i].lower));
        };
        for (std::size_t i = 0; i < w.size(); ++i)
            for (std::size_t n = 1; n <= 4 && i + n <= w.size() && may_be_name(i); ++n) {
                if (!may_be_name(i + n - 1)) continue;
                std::string text = to_lower(join(w, i, i + n)), one = join(w, i, i + n - 1);
                phrases.push_back(text);
                one = to_lower(one) + (one.empty() ? "" : " ") + w[i + n - 1].stem;
                if (one != text) phrases.push_back(one);
            }
        if (phrases.size() > 200) phrases.resize(200);
        return phrases;
    }

    struct clause {
        std::vector<word> words;
        std::size_t head, from;  // the column's word, and where the clause begins
        const column* of;
        std::string phrase;
    };

    // "orders from the city where the company was founded"
    std::optional<clause> clause_of(const std::string& question) const {
        auto words = words_of(question);
        while (!words.empty() && !is_word(words.back().text[0]) &&
               static_cast<unsigned char>(words.back().text[0]) < 0x80)
            words.pop_back();
        for (std::size_t i = 1; i + 2 < words.size(); ++i) {
            bool where = words[i].lower == "where" || words[i].lower == "whose" || words[i].lower == "that";
            bool in_which = words[i].lower == "in" && words[i + 1].lower == "which";
            bool of_the = words[i].lower == "of" && words[i + 1].lower == "the";
            if (!where && !in_which && !of_the) continue;
            for (const auto& t : tables_)
                for (const auto& c : t.columns)
                    if (c.text() && stem_of(replace_all(c.name, "_", " ")) == words[i - 1].stem) {
                        std::string phrase = join(words, in_which ? i + 2 : i + 1, words.size());
                        return clause{words, i - 1, i, &c, phrase};
                    }
        }
        return {};
    }

    // The clause is looked up in the documents, and the value that the tables know takes its place.
    std::string with_clause_resolved(const clause& c) {
        std::string head = c.words[c.head].text;
        std::string observed = search(c.phrase, "First I look in the documents for \"" + head + " " +
                                                    join(c.words, c.from, c.words.size()) + "\".");
        std::string sentence = answering_sentence(observed, c.phrase, 2);
        if (sentence.empty()) throw cannot{"the documents do not say which " + head + " \"" + c.phrase + "\" is"};
        auto said = words_of(sentence);
        if (c.of->values.empty()) look_for_values("- " + sentence);
        vocabulary v{tables_, found_};
        std::vector<std::string> values;
        for (std::size_t i = 0; i < said.size(); ++i) {
            std::size_t n = 0;
            for (const auto& known : v.values(said, i, n))
                if (known.of == c.of && std::find(values.begin(), values.end(), known.text) == values.end())
                    values.push_back(known.text);
        }
        if (values.size() != 1)
            throw cannot{"the documents do not say clearly which " + head + " that is: \"" + sentence + "\""};
        note_ = "The documents say: " + sentence + " ";
        std::size_t begin = c.head > 0 && c.words[c.head - 1].lower == "the" ? c.head - 1 : c.head;
        return join(c.words, 0, begin) + " " + values[0] + "?";
    }

    // Some tools want every statement to end with a limit.
    std::string limited(const std::string& query) const {
        constexpr std::string_view rule = "LIMIT and a number of at most ";
        auto at = sql_->description.find(rule);
        if (at == std::string::npos) return query;
        return query + " LIMIT " + std::to_string(std::atoll(sql_->description.c_str() + at + rule.size()));
    }

    static std::vector<json::array> rows_of(const std::string& observed) {
        auto parsed = parse_json(observed);
        auto* o = parsed ? parsed->if_object() : nullptr;
        auto* rows = o ? o->if_contains("rows") : nullptr;
        if (!rows || !rows->is_array()) throw cannot{"the database gave no rows that I can read"};
        if (o->contains("note")) throw cannot{"there are more rows than the tool gives"};
        std::vector<json::array> all;
        for (const auto& row : rows->get_array())
            if (row.is_array() && !row.get_array().empty()) all.push_back(row.get_array());
        return all;
    }

    finding from_tables(const reagent::offline::plan& p) {
        std::string said = words_of(p), query = limited(sql_of(p));
        std::string observed =
            ask(*sql_, {{sql_->arguments.front(), query}}, note_ + "I ask the tables for " + said + ".");
        auto all = rows_of(observed);
        if (query.size() > sql_of(p).size() && std::to_string(all.size()) == query.substr(query.rfind(' ') + 1))
            throw cannot{"there may be more rows than the tool gives"};
        finding f;
        std::string shared;
        if (auto* l = std::get_if<listing>(&p.what); l && l->ranked) shared = places(all, *l);
        for (const auto& row : all) {
            std::string text = plain(row[0]), more;
            for (std::size_t i = 1; i < row.size(); ++i) more += (more.empty() ? "" : ", ") + plain(row[i]);
            f.items.push_back(more.empty() ? text : text + " (" + more + ")");
        }
        if (f.items.empty() || (all.size() == 1 && all[0][0].is_null())) f.answer = "none", f.items.clear();
        for (const auto& item : f.items) f.answer += (f.answer.empty() ? "" : "; ") + item;
        said[0] = static_cast<char>(said[0] - 'a' + 'A');
        f.reasoning = note_ + said + ": " + cut(f.answer, 400) + "." + shared;
        return f;
    }

    // Takes the places off the rows; a place that cannot be told for ties is not answered.
    static std::string places(std::vector<json::array>& all, const listing& l) {
        bool tie = false;
        for (auto& row : all) {
            if (row.size() < 3) throw cannot{"the database gave no places that I can read"};
            auto level = row.back(), place = row[row.size() - 2];
            row.resize(row.size() - 2);
            tie = tie || (l.first > 1 && level != place);
        }
        auto wanted = static_cast<std::size_t>(l.last - l.first + 1);
        if (tie) throw cannot{"places before that one are shared, so that it can be counted in two ways"};
        if (all.size() > wanted + 9)
            throw cannot{std::to_string(all.size()) + " of them are equal, so that there are no first " +
                         std::to_string(wanted)};
        return all.size() > wanted ? " The last place is shared." : "";
    }

    // 1290.0 is 1290 to a reader, and an average has two decimals.
    static std::string plain(const json::value& cell, int decimals = 2) {
        if (!cell.is_double()) return python_str(cell);
        double d = cell.get_double(), scale = std::pow(10, decimals);
        if (std::abs(d) < 1e12 && std::abs(d) >= 0.01) d = std::round(d * scale) / scale;
        return without_point(d);
    }
    static std::string without_point(double d) {
        if (d == std::trunc(d) && std::abs(d) < most_whole) return std::to_string(static_cast<std::int64_t>(d));
        return python_float(d);
    }
    static constexpr double most_whole =
        9007199254740992;  // 2^53: from here on a double does not hold every whole number

    std::string search(const std::string& question, const std::string& thought) {
        return ask(*search_, {{search_->arguments.front(), search_words(question)}}, thought);
    }

    const prompt& p_;
    const offered_tool *calculator_ = nullptr, *sql_ = nullptr, *search_ = nullptr, *time_ = nullptr;
    std::vector<table> tables_;
    std::vector<known_value> found_;
    std::size_t next_ = 0;
    std::string note_;
};

}  // namespace

namespace {
constexpr std::string_view answer_mark = "So the answer is: ";
}

std::string as_thought(const conclusion& c) {
    if (c.unknown) return c.reasoning;
    std::string items;
    if (c.items.size() > 1)
        for (const auto& i : c.items) items += (items.empty() ? "" : "; ") + i;
    return c.reasoning + "\n" + std::string{answer_mark} + (items.empty() ? c.answer : items);
}

conclusion from_thought(const std::string& thought) {
    auto at = thought.rfind(answer_mark);
    if (at == thought.npos) return {thought, "", {}, true};
    conclusion c{std::string{trim(thought.substr(0, at))}, thought.substr(at + answer_mark.size()), {}, false};
    for (const auto& item : split(c.answer, ';')) c.items.emplace_back(trim(item));
    return c;
}

std::variant<next_call, conclusion> next_step(const prompt& p) {
    try {
        finding f = planner{p}.run();
        return conclusion{std::move(f.reasoning), std::move(f.answer), std::move(f.items), false};
    } catch (pending& next) {
        return std::move(next.call);
    } catch (const cannot& c) {
        return conclusion{
            "I am offline/demo, a stand-in that follows rules, and I cannot plan this: " + c.why + ".", "", {}, true};
    }
}

}  // namespace reagent::offline
