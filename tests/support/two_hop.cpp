#include "two_hop.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace reagent::test {
namespace {

constexpr std::size_t of_kind[]{120, 80, 70, 30};

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> all;
    std::string word;
    for (unsigned char c : text) {
        if (std::isalnum(c)) {
            word += static_cast<char>(std::tolower(c));
        } else if (!word.empty())
            all.push_back(std::exchange(word, {}));
    }
    if (!word.empty()) all.push_back(word);
    return all;
}

struct entity {
    std::string name;
    std::vector<std::pair<std::size_t, std::size_t>> facts;  // relation, entity
};

class maker {
public:
    explicit maker(std::uint64_t seed) : dice_{seed} {
        for (int kind = 0; kind < 4; ++kind)
            for (std::size_t i = 0; i < of_kind[kind]; ++i) {
                of_[kind].push_back(entities_.size());
                entities_.push_back({name(kind), {}});
            }
        for (int kind = 0; kind < 4; ++kind)
            for (std::size_t e : of_[kind])
                for (std::size_t r = 0; r < relations().size(); ++r)
                    if (relations()[r].from == kind) entities_[e].facts.emplace_back(r, other(e, relations()[r].to));
    }

    two_hop_corpus corpus(std::size_t questions) {
        two_hop_corpus c;
        for (std::size_t e = 0; e < entities_.size(); ++e) c.passages.push_back(about(e));
        for (std::size_t i = 0; i < 300; ++i) c.passages.push_back(mention(i));
        std::shuffle(c.passages.begin(), c.passages.end(), dice_);
        std::set<std::string> asked;
        while (c.questions.size() < questions) {
            auto q = question();
            if (asked.insert(std::string{q.fields.at("question").as_string()}).second)
                c.questions.push_back(std::move(q));
        }
        return c;
    }

private:
    std::size_t draw(std::size_t below) { return dice_() % below; }

    std::string word() {
        constexpr const char* first[]{"Ka", "Be", "Lo", "Mi", "Tu", "Sa",  "Ve",  "Do",
                                      "Ri", "Na", "Po", "Zu", "Fe", "Gal", "Har", "Jo"};
        constexpr const char* later[]{"ran", "vel", "mir", "don", "ska", "lin",
                                      "tor", "bur", "nes", "ger", "pol", "dris"};
        std::string w = std::string{first[draw(16)]} + later[draw(12)];
        if (draw(2)) w += later[draw(12)];
        return w;
    }

    std::string name(int kind) {
        for (;;) {
            std::string n = kind == 0   ? word() + " " + word()
                            : kind == 1 ? word() + " Works"
                            : kind == 3 ? word() + "ia"
                                        : word();
            if (names_.insert(n).second) return n;
        }
    }

    std::size_t other(std::size_t than, int kind) {
        for (;;)
            if (std::size_t e = of_[kind][draw(of_[kind].size())]; e != than) return e;
    }

    passage about(std::size_t e) {
        passage p{.id = "e" + std::to_string(e), .title = entities_[e].name};
        for (auto [r, object] : entities_[e].facts) {
            const auto& rel = relations()[r];
            p.text += (p.text.empty() ? "" : " ") + rel.before + entities_[e].name + rel.middle +
                      entities_[object].name + ".";
        }
        return p;
    }

    // Words of questions, and an entity, without any fact.
    passage mention(std::size_t i) {
        constexpr const char* about[]{"A street is named after ", "Few books mention ",
                                      "Nothing is known of the early years of ", "A song praises "};
        const auto& rel = relations()[draw(relations().size())];
        const std::string name = entities_[draw(entities_.size())].name;
        return {.id = "m" + std::to_string(i),
                .text = about[draw(4)] + name + ". What the " + rel.name + " of " + name +
                        " has to do with it, nobody can say.",
                .title = "Notes " + std::to_string(i)};
    }

    example question() {
        for (;;) {
            const std::size_t a = draw(entities_.size());
            const auto [r1, b] = entities_[a].facts[draw(entities_[a].facts.size())];
            const auto [r2, c] = entities_[b].facts[draw(entities_[b].facts.size())];
            if (c == a) continue;
            const std::string text = "What is the " + relations()[r2].name + " of the " + relations()[r1].name +
                                     " of " + entities_[a].name + "?";
            json::array gold{"e" + std::to_string(a), "e" + std::to_string(b)};
            return {{{"question", text}, {"answer", entities_[c].name}, {"gold", std::move(gold)}}, {"question"}};
        }
    }

    std::mt19937_64 dice_;
    std::vector<entity> entities_;
    std::vector<std::size_t> of_[4];
    std::set<std::string> names_;
};

}  // namespace

const std::vector<relation>& relations() {
    static const std::vector<relation> all{
        {"founder", "", " was founded by ", 1, 0},     {"seat", "", " has its seat in ", 1, 2},
        {"birthplace", "", " was born in ", 0, 2},     {"teacher", "", " was taught by ", 0, 0},
        {"employer", "", " earns a living at ", 0, 1}, {"country", "", " is a city of ", 2, 3},
        {"mayor", "", " is governed by ", 2, 0},       {"capital", "The government of ", " sits in ", 3, 2},
        {"ruler", "", " is ruled by ", 3, 0},
    };
    return all;
}

two_hop_corpus make_two_hop_corpus(std::uint64_t seed, std::size_t questions) { return maker{seed}.corpus(questions); }

memory_bm25::memory_bm25(std::vector<passage> passages) : passages_{std::move(passages)} {
    for (const auto& p : passages_) {
        auto& counts = counts_.emplace_back();
        for (const auto& w : words_of(p.title + " " + p.text)) ++counts[w], ++mean_length_;
        for (const auto& [w, n] : counts) ++documents_with_[w];
    }
    mean_length_ /= std::max<double>(1, static_cast<double>(passages_.size()));
}

task<std::vector<passage>> memory_bm25::retrieve(run&, retrieval what) const {
    constexpr double k1 = 1.2, b = 0.75;
    std::vector<passage> found;
    const auto query = words_of(what.query);
    const auto all = static_cast<double>(passages_.size());
    for (std::size_t i = 0; i < passages_.size(); ++i) {
        if (!matches(what.where, passages_[i].metadata)) continue;
        double length = 0, score = 0;
        for (const auto& [w, n] : counts_[i]) length += n;
        for (const auto& w : query) {
            const auto here = counts_[i].find(w);
            if (here == counts_[i].end()) continue;
            const double n = documents_with_.find(w)->second, rarity = std::log(1 + (all - n + 0.5) / (n + 0.5));
            score += rarity * here->second * (k1 + 1) / (here->second + k1 * (1 - b + b * length / mean_length_));
        }
        if (score <= 0) continue;
        found.push_back(passages_[i]);
        found.back().score = score;
    }
    std::sort(found.begin(), found.end(),
              [](const passage& x, const passage& y) { return x.score != y.score ? x.score > y.score : x.id < y.id; });
    if (found.size() > what.k) found.resize(what.k);
    co_return found;
}

}  // namespace reagent::test
