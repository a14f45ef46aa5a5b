#include <reagent/agents/rag.hpp>

#include <algorithm>

namespace reagent {

namespace {

// Its text, as far as it fits behind the title; never half a character.
void cut_to(passage& p, std::size_t most) {
    if (p.title.size() + p.text.size() <= most) return;
    if (p.title.size() > most / 2) p.title.clear();
    std::size_t end = std::min(most - p.title.size(), p.text.size());
    while (end > 0 && end < p.text.size() && (static_cast<unsigned char>(p.text[end]) & 0xC0) == 0x80) --end;
    p.text.resize(end);
}

}  // namespace

namespace detail {

std::size_t add_new(std::vector<passage>& all, std::vector<passage> found, std::size_t max_bytes) {
    std::size_t bytes = 0, came = 0;
    for (const auto& p : all) bytes += p.title.size() + p.text.size();
    for (auto& p : found) {
        const bool known = std::any_of(all.begin(), all.end(), [&](const passage& q) {
            return q.id == p.id && (!p.id.empty() || q.text == p.text);
        });
        if (!known && all.empty()) cut_to(p, max_bytes);  // it was found, so it is not left out for its length
        const std::size_t more = p.title.size() + p.text.size();
        if (known || bytes + more > max_bytes) continue;
        bytes += more;
        all.push_back(std::move(p));
        ++came;
    }
    return came;
}

}  // namespace detail

rag::rag(std::shared_ptr<const retriever> from, rag_options options)
    : options_{std::move(options)},
      find_{*this, "find", std::move(from)},
      answer_{*this, "answer", options_.citations} {}
rag::rag(module& parent, std::string name, std::shared_ptr<const retriever> from, rag_options options)
    : module{parent, std::move(name)},
      options_{std::move(options)},
      find_{*this, "find", std::move(from)},
      answer_{*this, "answer", options_.citations} {}

task<rag_answer> rag::forward(run& r, std::string question) const {
    rag_answer a;
    auto found = co_await find_(r, question, options_.k, options_.where);
    detail::add_new(a.passages, std::move(found), options_.max_passage_bytes);
    auto made = co_await answer_(r, std::move(question), a.passages);
    a.citations = std::move(made.citations);
    a.answer = std::move(made.answer);
    co_return a;
}

task<rag_answer> rag::forward(run& r, input in) const { return forward(r, std::move(in.question)); }

}  // namespace reagent
