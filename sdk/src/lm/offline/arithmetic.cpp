#include "arithmetic.hpp"

#include "../../text.hpp"

namespace reagent::offline {
namespace {

struct no_expression {};

class expression_reader {
public:
    explicit expression_reader(std::vector<word> words) : w_{std::move(words)} {}

    arithmetic run() {
        result_.expression = command();
        // "..., then divide by 4"
        for (;;) {
            std::size_t start = i_;
            accept(",");
            accept("and");
            accept("then");
            std::string& e = result_.expression;
            if (accept("add"))
                e = operated("(" + e + " + " + product() + ")");
            else if (accept("subtract"))
                e = operated("(" + e + " - " + product() + ")");
            else if (accept({"multiply", "by"}) || accept({"multiply", "it", "by"}) || accept({"multiply", "the", "result", "by"}))
                e = operated("(" + e + " * " + power() + ")");
            else if (accept({"divide", "by"}) || accept({"divide", "it", "by"}) || accept({"divide", "the", "result", "by"}))
                e = operated("(" + e + " / " + power() + ")");
            else {
                i_ = start;
                break;
            }
        }
        if (i_ != w_.size()) throw no_expression{};
        return std::move(result_);
    }

private:
    bool at(std::string_view a) const { return i_ < w_.size() && w_[i_].lower == a; }
    bool accept(std::string_view a) {
        if (!at(a)) return false;
        ++i_;
        return true;
    }
    bool accept(std::initializer_list<std::string_view> words) { return accept(std::vector<std::string_view>(words)); }
    bool accept(const std::vector<std::string_view>& words) {
        std::size_t k = i_;
        for (auto a : words)
            if (k >= w_.size() || w_[k++].lower != a) return false;
        i_ = k;
        return true;
    }
    std::string operated(std::string text) {
        ++result_.operators;
        return text;
    }

    // "add 5 to 7", "increase 200 by 10%": verbs first.
    std::string command() {
        auto two = [&](std::string_view between) {
            std::string a = sum(true);
            if (!accept(between)) throw no_expression{};
            return std::pair{a, sum(true)};
        };
        if (accept("add")) {
            stop_ = "to";
            auto [a, b] = two(contains("to") ? "to" : "and");
            return operated("(" + a + " + " + b + ")");
        }
        if (accept("subtract")) {
            auto [a, b] = two("from");
            return operated("(" + b + " - " + a + ")");
        }
        if (accept("multiply")) {
            auto [a, b] = two(contains("by") ? "by" : "and");
            return operated("(" + a + " * " + b + ")");
        }
        if (accept("divide")) {
            auto [a, b] = two("by");
            return operated("(" + a + " / " + b + ")");
        }
        for (auto [verb, sign] : {std::pair{"increase", " + "}, {"raise", " + "}, {"decrease", " - "}, {"reduce", " - "}})
            if (accept(verb)) {
                stop_ = "by";
                std::string a = sum(true);
                if (!accept("by")) throw no_expression{};
                return changed(a, sign);
            }
        return sum(true);
    }

    bool contains(std::string_view a) const {
        for (std::size_t k = i_; k < w_.size(); ++k)
            if (w_[k].lower == a) return true;
        return false;
    }

    // `a` more or less a part of itself: "by 10%" or "by 10".
    std::string changed(const std::string& a, const std::string& sign) {
        std::string by = atom();
        if (accept("%") || accept("percent")) return operated("(" + a + sign + a + " * " + by + " / 100)");
        return operated("(" + a + sign + by + ")");
    }

    std::string sum(bool) {
        std::string left = product();
        for (;;) {
            if (accept("plus") || accept("+") || accept({"added", "to"}))
                left = operated("(" + left + " + " + product() + ")");
            else if (accept("minus") || accept("-") || accept("less"))
                left = operated("(" + left + " - " + product() + ")");
            else if (accept({"increased", "by"}) || accept({"grown", "by"}))
                left = changed(left, " + ");
            else if (accept({"decreased", "by"}) || accept({"reduced", "by"}))
                left = changed(left, " - ");
            else
                return left;
        }
    }

    std::string product() {
        std::string left = power();
        for (;;) {
            if (accept("times") || accept("*") || accept("x") || accept({"multiplied", "by"}))
                left = operated("(" + left + " * " + power() + ")");
            else if (accept({"divided", "by"}) || accept("/") || accept("over"))
                left = operated("(" + left + " / " + power() + ")");
            else if (accept("modulo") || accept("mod"))
                left = operated("mod(" + left + ", " + power() + ")");
            else
                return left;
        }
    }

    std::string power() {
        std::string left = factor();
        for (;;) {
            if (accept("squared"))
                left = operated("(" + left + "^2)");
            else if (accept("cubed"))
                left = operated("(" + left + "^3)");
            else if (accept("^") || accept({"to", "the", "power", "of"}) || accept({"raised", "to", "the", "power", "of"}) ||
                     (at("*") && i_ + 1 < w_.size() && w_[i_ + 1].lower == "*" && (i_ += 2)))
                left = operated("(" + left + "^" + factor() + ")");
            else
                return left;
        }
    }

    std::vector<std::string> list() {
        std::vector<std::string> items{sum(false)};
        for (;;) {
            bool comma = accept(",");
            bool conjunction = accept("and");
            if (!comma && !conjunction) return items;
            items.push_back(sum(false));
        }
    }
    static std::string folded(const std::vector<std::string>& items, const std::string& op) {
        std::string s = items[0];
        for (std::size_t k = 1; k < items.size(); ++k) s += op + items[k];
        return "(" + s + ")";
    }

    std::string factor() {
        std::size_t start = i_;
        accept("the");
        struct fraction {
            std::vector<std::string_view> words;
            const char* factor;
        };
        static const fraction fractions[]{fraction{{"half", "of"}, "0.5"},
                                          fraction{{"half"}, "0.5"},
                                          fraction{{"twice"}, "2"},
                                          fraction{{"double"}, "2"},
                                          fraction{{"triple"}, "3"},
                                          fraction{{"a", "third", "of"}, "(1/3)"},
                                          fraction{{"one", "third", "of"}, "(1/3)"},
                                          fraction{{"two", "thirds", "of"}, "(2/3)"},
                                          fraction{{"a", "quarter", "of"}, "0.25"},
                                          fraction{{"one", "quarter", "of"}, "0.25"},
                                          fraction{{"three", "quarters", "of"}, "0.75"},
                                          fraction{{"a", "tenth", "of"}, "0.1"},
                                          fraction{{"a", "fifth", "of"}, "0.2"}};
        for (const auto& f : fractions)
            if (accept(f.words)) return operated("(" + std::string{f.factor} + " * " + power() + ")");
        if (accept({"square", "root", "of"})) return operated("sqrt(" + power() + ")");
        if (accept({"cube", "root", "of"})) return operated("(" + power() + "^(1/3))");
        if (accept({"absolute", "value", "of"})) return operated("abs(" + power() + ")");
        if (accept({"square", "of"})) return operated("(" + power() + "^2)");
        bool before_number = start_of_list(2) || start_of_list(1);
        if (before_number) {
            if (accept({"sum", "of"}) || accept({"total", "of"})) return several(" + ");
            if (accept({"product", "of"})) return several(" * ");
            if (accept({"average", "of"}) || accept({"mean", "of"})) {
                auto items = list();
                if (items.size() < 2) throw no_expression{};
                return operated("(" + folded(items, " + ") + " / " + std::to_string(items.size()) + ")");
            }
        }
        if (accept({"difference", "between"})) {
            auto items = list();
            if (items.size() != 2) throw no_expression{};
            return operated("abs(" + items[0] + " - " + items[1] + ")");
        }
        if (accept({"ratio", "of"})) {
            std::string a = sum(false);
            if (!accept("to") && !accept("and")) throw no_expression{};
            return operated("(" + a + " / " + sum(false) + ")");
        }
        i_ = start;
        return atom_with_percent();
    }

    bool start_of_list(std::size_t skip) const {
        std::size_t k = i_ + skip;
        return k < w_.size() && (is_number(w_[k]) || w_[k].lower == "(" || w_[k].lower == "-");
    }
    std::string several(const std::string& op) {
        auto items = list();
        if (items.size() < 2) throw no_expression{};
        return operated(folded(items, op));
    }

    std::string atom_with_percent() {
        std::string a = atom();
        if (accept("%") || accept("percent") || accept({"per", "cent"})) {
            if (accept("of")) return operated("(" + a + " / 100 * " + power() + ")");
            if (accept({"more", "than"})) return operated("((1 + " + a + " / 100) * " + power() + ")");
            if (accept({"less", "than"}) || accept("off") || accept({"discount", "on"}))
                return w_[i_ - 1].lower == "on" ? operated("(" + a + " / 100 * " + power() + ")")
                                                : operated("((1 - " + a + " / 100) * " + power() + ")");
            return operated("(" + a + " / 100)");
        }
        if (at("!")) throw no_expression{};
        return a;
    }

    std::string atom() {
        if (accept("(")) {
            std::string inner = sum(false);
            if (!accept(")")) throw no_expression{};
            return "(" + inner + ")";
        }
        if (accept("-") || accept({"negative"})) return "(-" + atom() + ")";
        for (std::string_view sign : {"$", "\u20ac", "\u00a3"})
            if (i_ + 1 < w_.size() && w_[i_].text == sign && is_number(w_[i_ + 1])) ++i_;
        if (i_ < w_.size() && is_number(w_[i_])) {
            std::string n = number_of(w_[i_++]);
            while (i_ < w_.size() && (at("hundred") || at("thousand") || at("million") || at("dozen")))
                n = "(" + n + " * " + number_of(w_[i_++]) + ")";
            for (std::string_view unit : {"dollars", "euros", "kroner", "usd", "eur", "nok"}) accept(unit);
            return n;
        }
        return unknown();
    }

    // Words up to the next operator: something to look up.
    std::string unknown() {
        static constexpr std::string_view operators[]{"plus",    "minus",   "times", "divided", "multiplied", "increased", "decreased",
                                                      "reduced", "squared", "cubed", "+",       "-",          "*",         "/",
                                                      "^",       "(",       ")",     "%",       "percent"};
        std::size_t begin = i_;
        for (; i_ < w_.size(); ++i_) {
            bool stops = !stop_.empty() && w_[i_].lower == stop_;
            for (auto o : operators) stops = stops || w_[i_].lower == o;
            if (w_[i_].lower == "and" && i_ + 1 < w_.size() && (w_[i_ + 1].lower == "the")) stops = in_list();
            if (stops) break;
        }
        if (i_ == begin) throw no_expression{};
        result_.unknowns.push_back(join(w_, begin, i_));
        return "{" + std::to_string(result_.unknowns.size() - 1) + "}";
    }
    bool in_list() const {
        for (std::size_t k = 0; k < i_; ++k)
            if (w_[k].lower == "difference" || w_[k].lower == "ratio") return true;
        return false;
    }

    std::vector<word> w_;
    std::size_t i_ = 0;
    std::string stop_;
    arithmetic result_;
};

}  // namespace

std::optional<arithmetic> read_arithmetic(const std::string& question) {
    auto words = words_of(question);
    while (!words.empty() &&
           (words.back().lower == "?" || words.back().lower == "." || words.back().lower == "=" || words.back().lower == "!"))
        words.pop_back();
    for (const auto& opening :
         {"please", "what is", "what's", "what are", "what", "whats", "calculate", "compute", "evaluate", "work out", "how much is",
          "tell me", "find", "give me", "solve", "can you", "the result of", "the value of", "please"}) {
        auto phrase = words_of(opening);
        if (words.size() > phrase.size() && find_phrase(words, phrase) == 0)
            words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(phrase.size()));
    }
    // "what percentage of 80 is 20?"
    std::size_t i = 0;
    if (i < words.size() && words[i].lower == "percentage" && i + 4 < words.size() + 0 && words[i + 1].lower == "of")
        for (std::size_t k = i + 3; k + 1 < words.size(); ++k)
            if (words[k].lower == "is" || words[k].lower == "are") {
                auto whole = read_arithmetic(join(words, i + 2, k)), part = read_arithmetic(join(words, k + 1, words.size()));
                if (!whole || !part || !whole->unknowns.empty() || !part->unknowns.empty()) break;
                return arithmetic{"(" + part->expression + " / " + whole->expression + " * 100)", {}, 2};
            }
    if (words.empty() || words.size() > 80) return {};
    try {
        return expression_reader{std::move(words)}.run();
    } catch (const no_expression&) {
        return {};
    }
}

}  // namespace reagent::offline
