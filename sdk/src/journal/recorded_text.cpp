// Texts as references to earlier ones: put together again, compared, named.
#include <reagent/journal/recorded.hpp>

#include <reagent/error.hpp>

#include "../base/digest.hpp"
#include "text_pieces.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <mutex>
#include <optional>

namespace reagent {

namespace {

std::string digest_of(std::initializer_list<std::string_view> texts) {
    thread_local detail::digest one;
    one.begin();
    for (auto text : texts) one.add(text);
    return one.end();
}

}  // namespace

std::string chained_digest(std::string_view before, std::string_view more) { return digest_of({before, "|", more}); }

struct recorded_text::node {
    std::vector<piece> pieces;
    mutable std::shared_ptr<const node> earlier;
    std::size_t size = 0;
    bool continues = false;  // an earlier text, which may not be known here
    bool has_key = false;
    std::optional<std::string> earlier_key;  // none: that of `earlier`

    // A chain is as long as its run: letting go of it must not take a stack frame for each link.
    ~node() {
        for (auto next = std::move(earlier); next && next.use_count() == 1;) next = std::move(next->earlier);
    }

    // Made when it is first asked for: most runs end without anybody having asked.
    std::string key() const {
        if (!has_key) return {};
        std::lock_guard lock{naming()};
        std::vector<const node*> nameless;  // a loop, for the same reason
        for (const node* n = this; n && n->has_key && n->key_.empty(); n = n->names_earlier()) nameless.push_back(n);
        for (auto n = nameless.rbegin(); n != nameless.rend(); ++n) (*n)->name();
        return key_;
    }
    std::string key_of_earlier() const { return earlier_key ? *earlier_key : earlier ? earlier->key() : std::string{}; }
    std::size_t bytes_of_keys() const {
        constexpr std::size_t one = 24;
        const bool earlier_has_one = names_earlier() && earlier->has_key;
        return (has_key ? one : 0) + (earlier_key ? earlier_key->size() : earlier_has_one ? one : 0);
    }

private:
    static std::mutex& naming() {
        static std::mutex one;
        return one;
    }
    const node* names_earlier() const { return earlier_key ? nullptr : earlier.get(); }

    void name() const {
        std::string all = earlier_key ? *earlier_key : earlier ? earlier->key_ : std::string{};
        for (const auto& p : pieces)
            all += "|" + std::to_string(p.from) + "," + std::to_string(p.bytes) + "," + std::to_string(p.text.size()) +
                   ":" + p.text;
        key_ = digest_of({all});
    }

    mutable std::string key_;
};

namespace {

run_error bad(const std::string& why) { return run_error{run_errc::bad_journal, "a text of the journal " + why}; }

std::size_t bytes_of(const recorded_text::piece& p) { return p.bytes ? p.bytes : p.text.size(); }

}  // namespace

recorded_text::recorded_text(std::string whole) {
    if (whole.empty()) return;
    auto n = std::make_shared<node>();
    n->size = whole.size();
    n->pieces.push_back({0, 0, std::move(whole)});
    node_ = std::move(n);
}

recorded_text recorded_text::after(const recorded_text& earlier, std::string_view earlier_text,
                                   std::string_view whole) {
    auto pieces = detail::pieces_between(earlier_text, whole);
    std::size_t fresh = 0;
    for (const auto& p : pieces) fresh += p.text.size();
    if (earlier.empty() || fresh == whole.size()) return recorded_text{std::string{whole}};
    auto n = std::make_shared<node>();
    n->pieces = std::move(pieces);
    n->earlier = earlier.node_;
    n->continues = true;
    n->size = whole.size();
    return recorded_text{std::shared_ptr<const node>{std::move(n)}};
}

recorded_text recorded_text::made_of(const recorded_text* earlier, std::vector<piece> pieces, std::string earlier_key) {
    auto n = std::make_shared<node>();
    std::size_t last = 0;
    for (const auto& p : pieces) {
        if (!p.bytes && p.text.empty()) throw bad("has an empty piece");
        if (p.bytes && (p.from < last || p.bytes > SIZE_MAX / 4 || p.from > SIZE_MAX / 4))
            throw bad("has pieces that overlap or go back");
        if (p.bytes) last = p.from + p.bytes;
        n->size += bytes_of(p);
    }
    if (earlier && last > earlier->size())
        throw bad("refers to byte " + std::to_string(last) + " of an earlier one that has " +
                  std::to_string(earlier->size()));
    n->pieces = std::move(pieces);
    n->continues = true;
    n->earlier_key = std::move(earlier_key);
    if (earlier) n->earlier = earlier->node_;
    return recorded_text{std::shared_ptr<const node>{std::move(n)}};
}

recorded_text recorded_text::followed_by(std::string more) const {
    if (empty()) return recorded_text{std::move(more)}.with_key();
    if (more.empty()) return *this;
    auto n = std::make_shared<node>();
    n->size = size() + more.size();
    n->pieces.reserve(2);
    n->pieces.push_back({0, size(), {}});
    n->pieces.push_back({0, 0, std::move(more)});
    n->earlier = node_;
    n->continues = n->has_key = true;
    return recorded_text{std::shared_ptr<const node>{std::move(n)}};
}

recorded_text recorded_text::with_key() const {
    if (!node_) return {};
    auto n = std::make_shared<node>();
    n->pieces = node_->pieces;
    n->earlier = node_->earlier;
    n->size = node_->size;
    n->continues = node_->continues;
    n->earlier_key = node_->earlier_key;
    n->has_key = true;
    return recorded_text{std::shared_ptr<const node>{std::move(n)}};
}

std::string recorded_text::str() const {
    struct wanted {
        std::size_t from, bytes, to;
    };
    std::string out(size(), '\0');
    std::vector<wanted> now{{0, out.size(), 0}}, below;  // in the order of `from`, and they do not overlap
    for (const node* n = node_.get(); n && !now.empty(); n = n->earlier.get()) {
        below.clear();
        std::size_t at = 0;
        auto w = now.begin();
        for (const auto& p : n->pieces) {
            std::size_t end = at + bytes_of(p);
            for (; w != now.end() && w->from < end; ++w) {
                std::size_t first = std::max(w->from, at), last = std::min(w->from + w->bytes, end);
                std::size_t to = w->to + (first - w->from);
                if (first < last && p.bytes) {
                    std::size_t from = p.from + (first - at);
                    if (!below.empty() && below.back().from + below.back().bytes == from &&
                        below.back().to + below.back().bytes == to)
                        below.back().bytes += last - first;
                    else
                        below.push_back({from, last - first, to});
                } else if (first < last)
                    std::memcpy(out.data() + to, p.text.data() + (first - at), last - first);
                if (w->from + w->bytes > end) break;  // goes on in the next piece
            }
            at = end;
        }
        if (!below.empty() && !n->earlier) throw bad("continues one that is not here");
        now.swap(below);
    }
    return out;
}

std::size_t recorded_text::size() const { return node_ ? node_->size : 0; }

std::size_t recorded_text::kept_bytes() const {
    if (!node_) return 0;
    std::size_t n = sizeof(node) + node_->bytes_of_keys();
    for (const auto& p : node_->pieces) n += sizeof p + p.text.size();
    return n;
}

bool recorded_text::is(std::string_view whole, std::string_view earlier_text) const {
    if (size() != whole.size()) return false;
    if (!node_) return true;
    std::size_t at = 0;
    for (const auto& p : node_->pieces) {
        auto part =
            p.bytes ? earlier_text.substr(std::min(p.from, earlier_text.size()), p.bytes) : std::string_view{p.text};
        if (whole.substr(at, bytes_of(p)) != part) return false;
        at += bytes_of(p);
    }
    return true;
}

bool recorded_text::continues() const { return node_ && node_->continues; }
std::string recorded_text::earlier_key() const { return node_ ? node_->key_of_earlier() : std::string{}; }
std::string recorded_text::key() const { return node_ ? node_->key() : std::string{}; }
bool recorded_text::has_key() const { return node_ && node_->has_key; }
const std::vector<recorded_text::piece>& recorded_text::pieces() const {
    static const std::vector<piece> none;
    return node_ ? node_->pieces : none;
}

}  // namespace reagent
