#include "documents.hpp"

#include "../../sdk/src/base/text.hpp"
#include "words.hpp"

#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace reagent::offline {
namespace {

namespace json = boost::json;

std::vector<std::string> sentences_of(const std::string& text) {
    std::vector<std::string> all;
    std::string s;
    auto add = [&] {
        if (!trim(s).empty()) all.emplace_back(trim(s));
        s.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '#' && trim(s).empty()) {  // a heading is no sentence
            i = std::min(text.find('\n', i), text.size());
            continue;
        }
        bool gap = text.compare(i, 4, " ...") == 0;
        bool stop =
            (text[i] == '.' || text[i] == '!' || text[i] == '?') && (i + 1 == text.size() || is_space(text[i + 1]));
        bool paragraph = text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '\n';
        if (!gap) s += text[i] == '\n' ? ' ' : text[i];
        if (gap) i += 3;
        if (gap || stop || paragraph) add();
    }
    add();
    return all;
}

// "founded" and "founding" share a root.
std::string root(std::string stem) {
    for (std::string_view tail : {"ing", "ed", "e"})
        if (stem.size() > tail.size() + 2 && stem.ends_with(tail)) {
            stem.resize(stem.size() - tail.size());
            break;
        }
    return stem;
}

bool any(const std::string& w, std::initializer_list<std::string_view> all) {
    return std::find(all.begin(), all.end(), w) != all.end();
}

bool counts(const word& w) { return is_number(w); }

// "84 employees", "45 days", "four stores": a number, and the thing within the next three words.
bool has_number_of(const std::vector<word>& s, const std::string& thing) {
    for (std::size_t i = 0; i < s.size(); ++i)
        for (std::size_t k = i + 1; counts(s[i]) && k < s.size() && k <= i + 3; ++k)
            if (s[k].stem == thing) return true;
    return false;
}

// What the question asks for, apart from its words.
class wanted {
public:
    explicit wanted(const std::vector<word>& q) {
        auto is = [&](std::size_t i, std::string_view w) { return i < q.size() && q[i].lower == w; };
        if (is(0, "how") && is(1, "many") && q.size() > 2) number_of_ = q[2].stem, used_ = 3;
        if (is(0, "how") && is(1, "much")) kind_ = number, used_ = 2;
        if (is(0, "how") && is(1, "long")) kind_ = duration, used_ = 2;
        if (is(0, "when")) kind_ = time, used_ = 1;
        if ((is(0, "what") || is(0, "which")) && is(1, "year")) kind_ = time, used_ = 2;
        if ((is(0, "in")) && is(2, "year")) kind_ = time, used_ = 3;
        if (is(0, "what") && is(1, "temperature")) number_of_ = "degree", used_ = 2;
        if (is(0, "who")) kind_ = name, used_ = 1;
        if (is(0, "how") && used_ == 0) kind_ = nothing;
    }
    std::size_t used() const { return used_; }

    bool in(const std::vector<word>& s) const {
        if (!number_of_.empty()) return has_number_of(s, number_of_);
        switch (kind_) {
            case number: return std::any_of(s.begin(), s.end(), counts);
            case duration:
                for (const char* unit : {"year", "month", "week", "day", "hour", "minute"})
                    if (has_number_of(s, unit)) return true;
                return false;
            case time:
                return std::any_of(
                           s.begin(), s.end(),
                           [](const word& w) { return w.text.size() == 4 && counts(w) && is_digit(w.text[0]); }) ||
                       std::any_of(s.begin(), s.end(),
                                   [](const word& w) { return w.stem.ends_with("day") && w.capital(); });
            case name:
                for (std::size_t i = 1; i + 1 < s.size(); ++i)
                    if (s[i].capital() && s[i + 1].capital()) return true;
                return false;
            case nothing: return false;
            case anything: break;
        }
        return true;
    }

private:
    enum { anything, number, duration, time, name, nothing } kind_ = anything;
    std::string number_of_;
    std::size_t used_ = 0;
};

}  // namespace

std::string search_words(const std::string& question) {
    std::string query;
    for (const auto& w : words_of(question))
        if (!is_stop_word(w.lower)) query += (query.empty() ? "" : " ") + w.text;
    return query;
}

std::string answering_sentence(const std::string& observed, const std::string& question, std::size_t fewest) {
    auto parsed = parse_json(observed);
    auto q = words_of(question);
    wanted want{q};
    std::set<std::string> asked;
    for (std::size_t i = want.used(); i < q.size(); ++i)
        if (!is_stop_word(q[i].lower) && !any(q[i].lower, {"?", ".", ",", "!"})) asked.insert(root(q[i].stem));
    if (!parsed || !parsed->is_array() || asked.size() < (want.used() > 0 ? 1 : fewest))
        return {};  // too few words to tell
    std::string best;
    std::size_t most = 0;
    for (const auto& r : parsed->get_array()) {
        auto* o = r.if_object();
        auto *snippet = o ? o->if_contains("snippet") : nullptr, *document = o ? o->if_contains("document") : nullptr;
        if (!snippet || !snippet->is_string()) continue;
        std::set<std::string> title;
        if (document && document->is_string())
            for (const auto& w :
                 words_of(replace_all(replace_all(std::string{document->get_string()}, "-", " "), "_", " ")))
                title.insert(root(w.stem));
        for (const auto& s : sentences_of(std::string{snippet->get_string()})) {
            auto words = words_of(s);
            std::set<std::string> said;
            for (const auto& w : words) said.insert(root(w.stem));
            std::size_t here = 0;
            bool all = true;
            for (const auto& a : asked) here += said.count(a), all = all && (said.count(a) || title.count(a));
            if (all && here > most && want.in(words)) best = s, most = here;
        }
    }
    return best;
}

}  // namespace reagent::offline
