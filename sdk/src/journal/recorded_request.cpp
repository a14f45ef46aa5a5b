// Requests as references to earlier ones.
#include <reagent/journal/recorded.hpp>

#include <reagent/error.hpp>

#include "../base/text.hpp"
#include "text_pieces.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

run_error bad(const std::string& why) { return run_error{run_errc::bad_journal, "a request of the journal " + why}; }

constexpr std::size_t worth_continuing = 256;  // bytes of a content

lm_request without_messages(const lm_request& r) {
    lm_request frame;
    frame.tools = r.tools;
    frame.sampling = r.sampling;
    frame.outputs_schema = r.outputs_schema;
    frame.tool_choice = r.tool_choice;
    frame.parallel_tool_calls = r.parallel_tool_calls;
    frame.rollout_id = r.rollout_id;
    return frame;
}

bool same_sampling(const sampling& a, const sampling& b) {
    return a.temperature == b.temperature && a.top_p == b.top_p && a.max_tokens == b.max_tokens && a.seed == b.seed &&
           a.stop == b.stop && a.n == b.n && a.reasoning_effort == b.reasoning_effort;
}

bool same_frame(const lm_request& a, const lm_request& b) {
    if (a.tools.size() != b.tools.size()) return false;
    for (std::size_t i = 0; i < a.tools.size(); ++i)
        if (a.tools[i].name != b.tools[i].name || a.tools[i].description != b.tools[i].description ||
            a.tools[i].parameters != b.tools[i].parameters)
            return false;
    return same_sampling(a.sampling, b.sampling) && a.outputs_schema == b.outputs_schema &&
           a.tool_choice == b.tool_choice && a.parallel_tool_calls == b.parallel_tool_calls &&
           a.rollout_id == b.rollout_id;
}

bool same_tools(const lm_request& a, const lm_request& b) {
    return std::equal(a.tools.begin(), a.tools.end(), b.tools.begin(), b.tools.end(),
                      [](const auto& x, const auto& y) { return x.name == y.name; });
}

message without_content(const message& m) {
    message own;
    own.role = m.role;
    own.tool_calls = m.tool_calls;
    own.tool_call_id = m.tool_call_id;
    own.images = m.images;
    own.reasoning_blocks = m.reasoning_blocks;
    return own;
}

bool same_without_content(const message& a, const message& b) {
    return a.role == b.role && a.tool_calls == b.tool_calls && a.tool_call_id == b.tool_call_id &&
           a.images == b.images && a.reasoning_blocks == b.reasoning_blocks;
}

json::object json_of(const message& m) {
    lm_request one;
    one.messages.push_back(m);
    return std::move(to_json(one).at("messages").as_array().at(0).as_object());
}

std::size_t number(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    boost::system::error_code ec;
    auto n = v && v->is_number() ? v->to_number<std::uint64_t>(ec) : 0;
    if (!v || !v->is_number() || ec || n > SIZE_MAX / 4)
        throw bad(std::string{"has a `"} + key + "` that is no number in its range");
    return n;
}

}  // namespace

recorded_request::recorded_request(const lm_request& whole, std::uint64_t effect)
    : effect_{effect}, count_{whole.messages.size()} {
    frame_ = std::make_shared<const lm_request>(without_messages(whole));
    parts_.reserve(whole.messages.size());
    for (const auto& m : whole.messages) parts_.push_back({0, 0, without_content(m), m.content, npos});
}

recorded_request::recorded_request(const lm_request& whole, std::uint64_t effect,
                                   std::shared_ptr<const recorded_request> earlier, const lm_request& earlier_whole)
    : effect_{effect}, count_{whole.messages.size()} {
    frame_ = same_frame(whole, *earlier->frame_) ? earlier->frame_
                                                 : std::make_shared<const lm_request>(without_messages(whole));
    const auto &now = whole.messages, &before = earlier_whole.messages;
    parts_.reserve(std::min<std::size_t>(now.size(), 4));
    std::size_t used = 0;  // messages of the earlier request, in order
    bool refers = frame_ == earlier->frame_;
    for (std::size_t i = 0; i < now.size();) {
        constexpr std::size_t ahead = 64;  // that many may have been left out at a time
        std::size_t from = used;
        while (from < before.size() && from < used + ahead && before[from] != now[i]) ++from;
        std::size_t same = 0;
        if (from < used + ahead)
            while (from + same < before.size() && i + same < now.size() && before[from + same] == now[i + same]) ++same;
        if (same) {
            parts_.push_back({from, same, {}, {}, npos});
            used = from + same;
            i += same;
            refers = true;
            continue;
        }
        part p{0, 0, without_content(now[i]), {}, npos};
        bool alike = used < before.size() && before[used].role == now[i].role &&
                     std::min(before[used].content.size(), now[i].content.size()) >= worth_continuing;
        if (alike) p.content = recorded_text::after(earlier->content_of(used), before[used].content, now[i].content);
        if (p.content.continues())
            p.continues = used++, refers = true;
        else
            p.content = now[i].content;
        parts_.push_back(std::move(p));
        ++i;
    }
    if (!refers) return;
    earlier_effect_ = earlier->effect_;
    earlier_ = std::move(earlier);
}

recorded_request::~recorded_request() {
    for (auto next = std::move(earlier_); next && next.use_count() == 1;) next = std::move(next->earlier_);
}

const recorded_text& recorded_request::content_of(std::size_t message) const {
    for (const recorded_request* r = this; r; r = r->earlier_.get()) {
        std::size_t at = 0;
        for (const auto& p : r->parts_) {
            std::size_t n = p.count ? p.count : 1;
            if (message >= at + n) {
                at += n;
                continue;
            }
            if (!p.count) return p.content;
            message = p.from + (message - at);
            break;
        }
    }
    throw bad("continues one that is not here");
}

lm_request recorded_request::whole() const {
    if (!frame_ || !is_known())
        throw bad("continues that of effect " + std::to_string(earlier_effect_) + ", which is not here");
    struct wanted {
        std::size_t from, count, to;
    };
    lm_request all = *frame_;
    all.messages.resize(count_);
    std::vector<wanted> now{{0, count_, 0}}, below;
    for (const recorded_request* r = this; r && !now.empty(); r = r->earlier_.get()) {
        below.clear();
        std::size_t at = 0;
        auto w = now.begin();
        for (const auto& p : r->parts_) {
            std::size_t end = at + (p.count ? p.count : 1);
            for (; w != now.end() && w->from < end; ++w) {
                std::size_t first = std::max(w->from, at), last = std::min(w->from + w->count, end);
                std::size_t to = w->to + (first - w->from);
                if (first < last && p.count)
                    below.push_back({p.from + (first - at), last - first, to});
                else if (first < last) {
                    all.messages[to] = p.own;
                    all.messages[to].content = p.content.str();
                }
                if (w->from + w->count > end) break;  // goes on in the next part
            }
            at = end;
        }
        if (!below.empty() && !r->earlier_) throw bad("continues one that is not here");
        now.swap(below);
    }
    return all;
}

bool recorded_request::is(const lm_request& now, const lm_request* earlier_whole) const {
    if (earlier_ && !earlier_whole) {
        lm_request mine = whole();
        return mine.messages == now.messages && same_tools(mine, now);
    }
    if (now.messages.size() != count_ || !frame_ || !same_tools(*frame_, now)) return false;
    std::size_t at = 0;
    for (const auto& p : parts_) {
        if (p.count) {
            const auto& before = earlier_whole->messages;
            if (p.from + p.count > before.size()) return false;
            for (std::size_t i = 0; i < p.count; ++i)
                if (before[p.from + i] != now.messages[at + i]) return false;
            at += p.count;
            continue;
        }
        const auto& m = now.messages[at++];
        std::string_view before;
        if (p.continues != npos && p.continues < earlier_whole->messages.size())
            before = earlier_whole->messages[p.continues].content;
        if (!same_without_content(p.own, m) || !p.content.is(m.content, before)) return false;
    }
    return true;
}

const lm_request& recorded_request::frame() const {
    if (!frame_) throw bad("continues that of effect " + std::to_string(earlier_effect_) + ", which is not here");
    return *frame_;
}

std::size_t recorded_request::kept_bytes() const {
    std::size_t n = sizeof *this;
    for (const auto& p : parts_) {
        n += sizeof p + p.content.kept_bytes();
        for (const auto& c : p.own.tool_calls)
            n += sizeof c + c.id.size() + c.name.size() + c.arguments.size() + c.signature.size();
        for (const auto& i : p.own.images) n += sizeof i + i.bytes.size() + i.url.size();
    }
    if (!frame_ || (earlier_ && earlier_->frame_ == frame_)) return n;
    for (const auto& t : frame_->tools) n += sizeof t + t.name.size() + t.description.size() + 256;
    return n;
}

json::object recorded_request::to_json() const {
    if (!earlier_effect_) return reagent::to_json(whole());
    json::object o{{"earlier", earlier_effect_}};
    json::array messages;
    for (const auto& p : parts_) {
        if (p.count) {
            messages.push_back(json::object{{"from", p.from}, {"count", p.count}});
            continue;
        }
        message m = p.own;
        if (p.continues == npos) m.content = p.content.str();
        json::object own = json_of(m);
        if (p.continues != npos) {
            own["of"] = p.continues;
            json::array pieces;
            for (const auto& piece : p.content.pieces())
                if (piece.bytes)
                    pieces.push_back(json::object{{"from", piece.from}, {"bytes", piece.bytes}});
                else
                    pieces.push_back(json::value(json::string(piece.text)));
            own["content"] = std::move(pieces);
        }
        messages.push_back(std::move(own));
    }
    o["messages"] = std::move(messages);
    if (frame_ && (!earlier_ || frame_ != earlier_->frame_)) {
        json::object frame = reagent::to_json(*frame_);
        frame.erase("messages");
        o["frame"] = std::move(frame);
    }
    return o;
}

std::shared_ptr<const recorded_request> recorded_request::from_json(const json::value& v, std::uint64_t effect,
                                                                    const known* k) {
    auto* o = v.if_object();
    if (!o || !o->contains("earlier")) return std::make_shared<const recorded_request>(lm_request_from_json(v), effect);
    std::shared_ptr<recorded_request> r{new recorded_request};
    r->effect_ = effect;
    r->earlier_effect_ = number(*o, "earlier");
    if (!r->earlier_effect_) throw bad("continues no effect");
    auto* messages = o->if_contains("messages");
    if (!messages || !messages->is_array()) throw bad("has no `messages`");
    for (const auto& m : messages->get_array()) {
        if (!m.is_object()) throw bad("has a message that is no object");
        const auto& given = m.get_object();
        part p;
        if (given.contains("count")) {
            p.from = number(given, "from");
            p.count = number(given, "count");
            if (!p.count) throw bad("refers to no message");
        } else {
            json::object own = given;
            auto* content = own.if_contains("content");
            std::vector<recorded_text::piece> pieces;
            if (own.contains("of")) {
                p.continues = number(own, "of");
                if (!content || !content->is_array()) throw bad("has a message without pieces");
                for (const auto& piece : content->get_array())
                    if (piece.is_string())
                        pieces.push_back({0, 0, std::string{piece.get_string()}});
                    else if (piece.is_object())
                        pieces.push_back({number(piece.get_object(), "from"), number(piece.get_object(), "bytes"), {}});
                    else
                        throw bad("has a piece of another kind");
                p.content = recorded_text::made_of(nullptr, std::move(pieces));
                own["content"] = "";
            } else if (content && content->is_string())
                p.content = std::string{content->get_string()};
            own["content"] = "";
            json::array one;
            one.push_back(std::move(own));
            p.own = std::move(lm_request_from_json(json::object{{"messages", std::move(one)}}).messages.at(0));
        }
        r->count_ += p.count ? p.count : 1;
        r->parts_.push_back(std::move(p));
    }
    if (auto* f = o->if_contains("frame")) {
        if (!f->is_object()) throw bad("has a `frame` that is no object");
        json::object frame = f->get_object();
        frame["messages"] = json::array{};
        r->frame_ = std::make_shared<const lm_request>(lm_request_from_json(frame));
    }
    if (!k) return r;
    auto earlier = k->request(r->earlier_effect_);
    if (!earlier)
        throw bad("continues that of effect " + std::to_string(r->earlier_effect_) +
                  ", and no record before it has one of that number");
    r->connect(std::move(earlier));
    return r;
}

// Nothing may be taken twice, so that what a journal tells is never more than it holds.
void recorded_request::connect(std::shared_ptr<const recorded_request> earlier) {
    std::size_t used = 0;
    for (auto& p : parts_) {
        std::size_t from = p.count ? p.from : p.continues, n = p.count ? p.count : 1;
        if (!p.count && p.continues == npos) continue;
        if (from < used) throw bad("takes messages of an earlier one twice, or goes back");
        used = from + n;
        if (used > earlier->count_ || used < from)
            throw bad("refers to message " + std::to_string(used) + " of that of effect " +
                      std::to_string(earlier_effect_) + ", which has " + std::to_string(earlier->count_));
        if (!p.count) p.content = recorded_text::made_of(&earlier->content_of(p.continues), p.content.pieces());
    }
    if (!frame_) frame_ = earlier->frame_;
    earlier_ = std::move(earlier);
}

std::shared_ptr<const recorded_request> recorded_request::after(std::shared_ptr<const recorded_request> earlier) const {
    if (!earlier || earlier->effect_ != earlier_effect_) throw bad("continues another one than that which was found");
    std::shared_ptr<recorded_request> r{new recorded_request};
    r->parts_ = parts_;
    r->frame_ = frame_;
    r->effect_ = effect_;
    r->earlier_effect_ = earlier_effect_;
    r->count_ = count_;
    r->connect(std::move(earlier));
    return r;
}

}  // namespace reagent
