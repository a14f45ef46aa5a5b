#include "planner.hpp"

#include "../../text.hpp"
#include "arithmetic.hpp"
#include "tables.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <set>

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

std::string first_number(std::string_view text, std::size_t from = 0) {
    for (std::size_t i = from; i < text.size(); ++i) {
        bool starts = is_digit(text[i]) &&
                      (i == 0 || !(is_word(text[i - 1]) || text[i - 1] == '.' || static_cast<unsigned char>(text[i - 1]) >= 0x80));
        if (!starts) continue;
        std::string n;
        for (; i < text.size() &&
               (is_digit(text[i]) || text[i] == '.' ||
                (text[i] == ',' && i + 3 < text.size() && is_digit(text[i + 1]) && is_digit(text[i + 2]) && is_digit(text[i + 3])));
             ++i)
            if (text[i] != ',') n += text[i];
        while (n.ends_with('.')) n.pop_back();
        return n;
    }
    return {};
}

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
        if (time_ && asks_for_time(question)) {
            std::string now = ask(*time_, {}, "I look at the clock.");
            return {now, {}, "The clock says " + now + "."};
        }
        if (auto difference = how_many_more(question)) return *difference;
        int decimals = -1;
        question = without_rounding(question, decimals);
        auto a = read_arithmetic(question);
        if (a && a->operators > 0) {
            if (a->unknowns.empty()) return calculated(a->expression, decimals);
            if (asks_twice(words_of(question))) throw cannot{"it asks for two things; ask for one, then for the other"};
            if (auto found = combined(*a, decimals)) return *found;
        }
        std::string first = words_of(question).front().lower;
        for (std::string_view made_up : {"if", "suppose", "imagine", "assume", "write", "draw", "sing", "translate"})
            if (first == made_up) throw cannot{"it asks for more than looking things up and calculating"};
        if (sql_ && write_query(tables_, question) && asks_for_two(words_of(question)))
            throw cannot{"it asks for two things that depend on each other; ask for one, then for the other"};
        return look_up(question, false);
    }

private:
    // "Which city has the most customers, and how many orders came from there?", "How many orders came from the city with the most
    // customers?": one query would answer half of it, or something else.
    static bool asks_for_two(const std::vector<word>& w) {
        auto is = [&](std::size_t i, std::initializer_list<std::string_view> any) {
            return i < w.size() && std::find(any.begin(), any.end(), w[i].lower) != any.end();
        };
        if (asks_twice(w)) return true;
        bool counts = is(0, {"how"}) && is(1, {"many", "much"});
        for (std::size_t i = 2; i < w.size(); ++i) {
            if (counts && is(i, {"with"}) && is(i + 1, {"the"}) &&
                is(i + 2, {"most", "fewest", "highest", "lowest", "least", "largest", "biggest"}))
                return true;
        }
        return false;
    }

    // "How many more customers are in Oslo than in Bergen?"
    std::optional<finding> how_many_more(const std::string& question) {
        auto words = words_of(question);
        if (!sql_ || !calculator_ || words.size() < 6 || words[0].lower != "how" ||
            (words[1].lower != "many" && words[1].lower != "much") || words[2].lower != "more")
            return {};
        for (std::size_t than = 4; than + 1 < words.size(); ++than) {
            if (words[than].lower != "than") continue;
            std::string head = "how " + words[1].text + " " + words[3].text + " ";
            std::string a = head + join(words, 4, than), b = head + join(words, than + 1, words.size());
            if (!write_query(tables_, a) || !write_query(tables_, b)) return {};
            finding first = look_up(a, true), second = look_up(b, true);
            finding result = calculated(first.answer + " - " + second.answer);
            result.reasoning = first.reasoning + " " + second.reasoning + " " + result.reasoning;
            return result;
        }
        return {};
    }

    std::string ask(const offered_tool& t, json::object arguments, const std::string& thought) {
        if (next_ == p_.past.size()) throw pending{{thought, t.name, std::move(arguments)}};
        const auto& step = p_.past[next_++];
        if (step.observation.starts_with("Error:")) throw cannot{"the tool " + step.tool + " failed: " + cut(step.observation, 300)};
        return step.observation;
    }

    static bool asks_for_time(const std::string& q) {
        std::string s = to_lower(q);
        for (const char* phrase : {"what time is it", "current time", "what day is it", "today's date", "what is the date", "current date",
                                   "what is the time", "what date is it"})
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
        if (expression.starts_with('(') && balanced(expression)) expression = expression.substr(1, expression.size() - 2);
        std::string result = ask(*calculator_, {{calculator_->arguments.front(), expression}}, "This is arithmetic; I calculate it.");
        if (decimals >= 0) {
            double scale = std::pow(10, decimals);
            json::value rounded = std::round(std::strtod(result.c_str(), nullptr) * scale) / scale;
            result = python_str(rounded);
        }
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

    // Arithmetic on things that the other tools know: look them up first, then calculate.
    std::optional<finding> combined(const arithmetic& a, int decimals) {
        for (const auto& u : a.unknowns)
            if (!can_look_up(u)) return {};
        std::string expression = a.expression, reasoning;
        for (std::size_t i = 0; i < a.unknowns.size(); ++i) {
            finding f = look_up(a.unknowns[i], true);
            std::string number = first_number(f.answer);
            if (number.empty()) throw cannot{"\"" + a.unknowns[i] + "\" turned out to be no number: " + f.answer};
            expression = replace_all(expression, "{" + std::to_string(i) + "}", number);
            reasoning += f.reasoning + " ";
        }
        finding result = calculated(expression, decimals);
        result.reasoning = reasoning + result.reasoning;
        return result;
    }
    bool can_look_up(const std::string& words) const {
        if (sql_ && write_query(tables_, words)) return true;
        return search_ != nullptr && words_of(words).size() > 1;
    }

    finding look_up(const std::string& question, bool number) {
        std::string resolved = question;
        if (sql_ && search_) resolved = with_clause_resolved(question);
        if (sql_)
            if (auto query = write_query(tables_, resolved)) return from_tables(*query);
        if (search_) return from_documents(question, number);
        if (sql_) throw cannot{"I do not see how the tables answer this"};
        if (calculator_) throw cannot{"I only see a calculator, and the question is no arithmetic that I can read"};
        throw cannot{"there is no tool that could answer this"};
    }

    // "orders from the city where the company was founded": the clause is looked up in the documents, and the value that
    // the tables know takes its place.
    std::string with_clause_resolved(const std::string& question) {
        auto words = words_of(question);
        for (std::size_t i = 1; i + 2 < words.size(); ++i) {
            bool clause = words[i].lower == "where" || words[i].lower == "whose" || words[i].lower == "that" ||
                          (words[i].lower == "which" && words[i - 1].lower == "in") ||
                          (words[i].lower == "of" && words[i + 1].lower == "the");
            std::size_t head = words[i].lower == "which" ? i - 2 : i - 1;
            if (!clause || head >= words.size()) continue;
            for (const auto& t : tables_)
                for (const auto& c : t.columns) {
                    if (c.values.empty() || stem_of(replace_all(c.name, "_", " ")) != words[head].stem) continue;
                    std::string phrase = join(words, i + 1, words.size());
                    bool known = false;  // "the city of the Oslo customers" needs no look-up
                    for (const auto& v : c.values) known = known || find_phrase(words_of(phrase), words_of(v)) != std::string::npos;
                    if (known || (words[i].lower == "that" && write_query(tables_, "which " + words[head].text + " " + phrase))) continue;
                    std::string found =
                        search("the " + words[head].text + " " + phrase,
                               "First I look in the documents for \"" + words[head].text + " " + join(words, i, words.size()) + "\".");
                    auto sentences = ranked_sentences(found, phrase);
                    for (const auto& s : sentences)
                        for (const auto& v : c.values)
                            if (find_phrase(words_of(s), words_of(v)) != std::string::npos) {
                                note_ = "The documents say: " + s;
                                std::size_t begin = head > 0 && words[head - 1].lower == "the" ? head - 1 : head;
                                return join(words, 0, begin) + " " + v + "?";
                            }
                    throw cannot{"the documents do not say which " + words[head].text + " that is"};
                }
        }
        return question;
    }

    finding from_tables(const std::string& query) {
        std::string observed = ask(*sql_, {{sql_->arguments.front(), query}},
                                   (note_.empty() ? "" : note_ + " ") + "The tables can answer this; I query them.");
        auto parsed = parse_json(observed);
        const json::value* rows = parsed && parsed->is_object() ? parsed->get_object().if_contains("rows") : nullptr;
        if (!rows || !rows->is_array()) throw cannot{"the database gave no rows that I can read"};
        finding f;
        const auto& list = rows->get_array();
        for (const auto& row : list) {
            if (!row.is_array() || row.get_array().empty()) continue;
            std::string text;
            for (const auto& cell : row.get_array()) text += (text.empty() ? "" : text.find(" (") == text.npos ? " (" : ", ") + plain(cell);
            if (text.find(" (") != text.npos) text += ")";
            f.items.push_back(text);
        }
        if (f.items.empty() || (list.size() == 1 && list[0].get_array()[0].is_null()))
            f.answer = "none", f.items.clear();
        else if (list.size() == 1 && list[0].get_array().size() == 1)
            f.answer = plain(list[0].get_array()[0]);
        else
            for (const auto& item : f.items) f.answer += (f.answer.empty() ? "" : "; ") + item;
        f.reasoning = (note_.empty() ? "" : note_ + " ") + "The database answers: " + cut(f.answer, 400) + ".";
        return f;
    }

    // 1290.0 is 1290 to a reader.
    static std::string plain(const json::value& cell) {
        if (cell.is_double() && cell.get_double() == std::trunc(cell.get_double()) && std::abs(cell.get_double()) < 1e15)
            return std::to_string(static_cast<std::int64_t>(cell.get_double()));
        return python_str(cell);
    }

    std::string search(const std::string& question, const std::string& thought) {
        std::string query;
        for (const auto& w : words_of(question))
            if (!is_stop_word(w.lower)) query += (query.empty() ? "" : " ") + w.text;
        return ask(*search_, {{search_->arguments.front(), query}}, thought);
    }

    static std::vector<std::string> sentences_of(const std::string& text) {
        std::vector<std::string> all;
        std::string s;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '#' && trim(s).empty()) {  // a heading is no sentence
                i = std::min(text.find('\n', i), text.size());
                continue;
            }
            bool gap = text.compare(i, 4, " ...") == 0;
            bool end = ((text[i] == '.' || text[i] == '!' || text[i] == '?') && (i + 1 == text.size() || is_space(text[i + 1]))) || gap ||
                       (text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '\n');
            if (!gap) s += text[i] == '\n' ? ' ' : text[i];
            if (gap) i += 3;
            if (!end) continue;
            if (!trim(s).empty()) all.emplace_back(trim(s));
            s.clear();
        }
        if (!trim(s).empty()) all.emplace_back(trim(s));
        return all;
    }

    // Sentences of the results by how many of the question's words they share; rare words count more.
    static std::vector<std::string> ranked_sentences(const std::string& observed, const std::string& question) {
        auto parsed = parse_json(observed);
        if (!parsed || !parsed->is_array()) return {};
        struct candidate {
            std::string text, title;
            std::set<std::string> stems;
            std::size_t rank;
            double score = 0;
        };
        std::vector<candidate> all;
        std::size_t rank = 0;
        for (const auto& r : parsed->get_array()) {
            if (!r.is_object()) continue;
            auto* snippet = r.get_object().if_contains("snippet");
            auto* name = r.get_object().if_contains("document");
            if (!snippet || !snippet->is_string()) continue;
            for (const auto& s : sentences_of(std::string{snippet->get_string()})) {
                candidate c{s, name && name->is_string() ? std::string{name->get_string()} : "", {}, rank};
                for (const auto& w : words_of(s)) c.stems.insert(root(w.stem));
                all.push_back(std::move(c));
            }
            ++rank;
        }
        std::set<std::string> asked;
        for (const auto& w : words_of(question))
            if (!is_stop_word(w.lower)) asked.insert(root(w.stem));
        std::string lower = to_lower(question);
        bool wants_number = lower.find("how many") != lower.npos || lower.find("how much") != lower.npos ||
                            lower.find("how long") != lower.npos || lower.find("when") != lower.npos ||
                            lower.find("what year") != lower.npos;
        for (auto& c : all) {
            auto title = words_of(replace_all(replace_all(c.title, "-", " "), "_", " "));
            std::size_t matched = 0;
            for (const auto& a : asked) {
                matched += c.stems.count(a);
                double frequency = 0;
                for (const auto& other : all) frequency += other.stems.count(a) ? 1 : 0;
                if (c.stems.count(a)) c.score += 1.0 / (1.0 + std::log(1.0 + frequency));
                for (const auto& t : title)
                    if (root(t.stem) == a && !c.stems.count(a)) ++matched, c.score += 0.6 / (1.0 + std::log(1.0 + frequency));
            }
            if (3 * matched < asked.size())
                c.score = 0;  // a word or two in common is no answer
            else if (wants_number && !first_number(c.text).empty())
                c.score += 0.25;
            c.score -= 0.02 * static_cast<double>(c.rank);
        }
        std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
        std::vector<std::string> sentences;
        for (const auto& c : all)
            if (c.score > 0.15) sentences.push_back(c.text);
        return sentences;
    }
    // "founded", "founding" and "founder" share a root: the first letters of a longer word.
    static std::string root(std::string stem) {
        for (std::string_view end : {"ing", "ed", "e"})
            if (stem.size() > end.size() + 2 && stem.ends_with(end)) {
                stem.resize(stem.size() - end.size());
                break;
            }
        return stem.size() > 5 ? stem.substr(0, 5) : stem;
    }

    finding from_documents(const std::string& question, bool) {
        std::string observed = search(question, "This may stand in the documents; I search them.");
        auto sentences = ranked_sentences(observed, question);
        if (sentences.empty()) throw cannot{"I found nothing about this in the documents"};
        return {sentences.front(), {sentences.front()}, "The documents say: " + sentences.front()};
    }

    const prompt& p_;
    const offered_tool *calculator_ = nullptr, *sql_ = nullptr, *search_ = nullptr, *time_ = nullptr;
    std::vector<table> tables_;
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

std::variant<next_call, conclusion> plan(const prompt& p) {
    try {
        finding f = planner{p}.run();
        return conclusion{std::move(f.reasoning), std::move(f.answer), std::move(f.items), false};
    } catch (pending& next) {
        return std::move(next.call);
    } catch (const cannot& c) {
        return conclusion{"I am offline/demo, a stand-in that follows rules, and I cannot plan this: " + c.why + ".", "", {}, true};
    }
}

}  // namespace reagent::offline
