#include <reagent/observe/trace.hpp>

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace reagent {
namespace {

std::string parent_branch(const std::string& branch) {
    auto dot = branch.rfind('.');
    return dot == branch.npos ? std::string{} : branch.substr(0, dot);
}

span_kind kind_of(event_kind k) {
    switch (k) {
        case event_kind::model_call: return span_kind::model;
        case event_kind::tool_call: return span_kind::tool;
        case event_kind::approval: return span_kind::approval;
        case event_kind::clock: return span_kind::clock;
        case event_kind::random: break;
    }
    return span_kind::random;
}

// Builds the tree: run > branch > predictor > model call; a tool's own branch is the tool.
class drawing {
public:
    drawing(const std::vector<journal_record>& records, std::string program) {
        collect(records);
        add({.kind = span_kind::run, .name = std::move(program), .start = {}, .duration = last_});
        for (auto& item : items_) place(item);
        stretch();
    }
    std::vector<span> take() { return in_order(); }

private:
    struct item {
        std::chrono::microseconds start;
        const event* effect = nullptr;
        bool open = false, abandoned = false;
        const failed_assertion* assertion = nullptr;
        std::chrono::microseconds at{};
    };

    void collect(const std::vector<journal_record>& records) {
        std::set<std::uint64_t> undone, finished;
        for (const auto& r : records) {
            last_ = std::max(last_, r.at);
            if (auto* f = std::get_if<effect_finished>(&r.what)) finished.insert(f->what.id);
            if (auto* a = std::get_if<effects_abandoned>(&r.what)) undone.insert(a->ids.begin(), a->ids.end());
        }
        std::set<std::uint64_t> shown;
        for (const auto& r : records) {
            if (auto* f = std::get_if<effect_finished>(&r.what)) {
                items_.push_back({f->what.started, &f->what, false, undone.contains(f->what.id), nullptr, r.at});
            } else if (auto* b = std::get_if<effect_begun>(&r.what)) {
                if (!finished.contains(b->what.id) && shown.insert(b->what.id).second)
                    items_.push_back({b->what.started, &b->what, true, undone.contains(b->what.id), nullptr, r.at});
            } else if (auto* d = std::get_if<decision_wanted>(&r.what)) {
                if (d->what.kind == event_kind::approval && !finished.contains(d->what.id) &&
                    shown.insert(d->what.id).second)
                    items_.push_back({d->what.started, &d->what, true, undone.contains(d->what.id), nullptr, r.at});
            } else if (auto* a = std::get_if<assertion_recorded>(&r.what))
                items_.push_back({r.at, nullptr, false, false, &a->what, r.at});
            else if (auto* p = std::get_if<predictor_returned>(&r.what))
                calls_[{p->call->place.branch, p->call->place.path}][p->call->place.occurrence] = p->call.get();
        }
        std::stable_sort(items_.begin(), items_.end(), [](const auto& a, const auto& b) {
            if (a.start != b.start) return a.start < b.start;
            return a.effect && b.effect ? a.effect->id < b.effect->id : false;
        });
    }

    std::size_t add(span s) {
        spans_.push_back(std::move(s));
        return spans_.size() - 1;
    }

    // Where the effects of a branch belong.
    std::size_t home_of(const std::string& branch) {
        if (branch.empty()) return 0;
        if (auto found = homes_.find(branch); found != homes_.end()) return found->second;
        std::size_t above = home_of(parent_branch(branch));
        auto made = add({.parent = above,
                         .kind = span_kind::branch,
                         .name = "branch " + branch,
                         .branch = branch,
                         .start = spans_[above].start});
        starts_.insert(made);
        homes_[branch] = made;
        return made;
    }

    void place(const item& i) {
        if (i.assertion) {
            const auto& a = *i.assertion;
            add({.parent = home_of(a.blamed.branch),
                 .kind = span_kind::backtrack,
                 .name = a.soft ? "suggestion" : "assertion",
                 .branch = a.blamed.branch,
                 .start = i.start,
                 .error = a.message,
                 .assertion = &a});
            return;
        }
        const event& e = *i.effect;
        std::size_t parent = home_of(e.branch);
        if (e.kind == event_kind::model_call) parent = predictor_of(e, parent, i);
        std::string name = e.kind == event_kind::model_call
                               ? (e.response && !e.response->model.empty() ? e.response->model : "model")
                           : e.kind == event_kind::tool_call ? e.tool
                           : e.kind == event_kind::approval  ? "consent to " + e.tool
                                                             : std::string{to_string(e.kind)};
        auto length = i.open ? std::max(last_ - e.started, std::chrono::microseconds{}) : e.duration;
        auto made = add({.parent = parent,
                         .kind = kind_of(e.kind),
                         .name = std::move(name),
                         .branch = e.branch,
                         .start = e.started,
                         .duration = length,
                         .open = i.open,
                         .abandoned = i.abandoned,
                         .error = e.error,
                         .effect = &e});
        if (e.kind == event_kind::tool_call && e.splits > 0)
            homes_[e.branch + (e.branch.empty() ? "" : ".") + std::to_string(e.splits - 1)] = made;
    }

    // Several model calls may belong to one call of a predictor: those until the next call at the same place began.
    std::size_t predictor_of(const event& e, std::size_t home, const item& i) {
        const predictor_call* call = nullptr;
        std::uint32_t first = e.occurrence;
        if (auto found = calls_.find({e.branch, e.path}); found != calls_.end()) {
            auto next = found->second.upper_bound(e.occurrence);
            if (next != found->second.begin()) call = std::prev(next)->second, first = std::prev(next)->first;
        }
        auto key = std::make_tuple(e.branch, e.path, first, i.abandoned);
        auto open = predictors_.find(key);
        // An attempt that was undone is a span of its own.
        if (open != predictors_.end() &&
            !(i.abandoned && spans_[open->second].start != e.started && first == e.occurrence))
            return open->second;
        auto made = add({.parent = home,
                         .kind = span_kind::predictor,
                         .name = e.path,
                         .branch = e.branch,
                         .start = e.started,
                         .abandoned = i.abandoned,
                         .call = i.abandoned ? nullptr : call});
        starts_.insert(made);
        predictors_[key] = made;
        return made;
    }

    // Branches and predictors last as long as what is in them.
    void stretch() {
        for (std::size_t i = spans_.size(); i-- > 1;) {
            auto& parent = spans_[spans_[i].parent];
            if (!starts_.contains(spans_[i].parent)) continue;
            auto end = std::max(parent.start + parent.duration, spans_[i].start + spans_[i].duration);
            parent.start = std::min(parent.start, spans_[i].start);
            parent.duration = end - parent.start;
            parent.open = parent.open || spans_[i].open;
        }
        for (auto& s : spans_) spans_[0].duration = std::max(spans_[0].duration, s.start + s.duration);
    }

    // Depth first, children by their beginning: how a timeline is read.
    std::vector<span> in_order() {
        std::vector<std::vector<std::size_t>> children(spans_.size());
        for (std::size_t i = 1; i < spans_.size(); ++i) children[spans_[i].parent].push_back(i);
        std::vector<span> out;
        std::vector<std::pair<std::size_t, std::size_t>> stack{{0, SIZE_MAX}};  // span, its parent's new index
        while (!stack.empty()) {
            auto [i, parent] = stack.back();
            stack.pop_back();
            auto own = out.size();
            out.push_back(spans_[i]);
            out.back().parent = parent;
            auto& below = children[i];
            std::stable_sort(below.begin(), below.end(),
                             [&](auto a, auto b) { return spans_[a].start < spans_[b].start; });
            for (auto c = below.rbegin(); c != below.rend(); ++c) stack.emplace_back(*c, own);
        }
        return out;
    }

    std::vector<item> items_;
    std::map<std::pair<std::string, std::string>, std::map<std::uint32_t, const predictor_call*>> calls_;
    std::vector<span> spans_;
    std::map<std::string, std::size_t> homes_;
    std::map<std::tuple<std::string, std::string, std::uint32_t, bool>, std::size_t> predictors_;
    std::set<std::size_t> starts_;
    std::chrono::microseconds last_{};
};

json::object content_by_reference(const span& s, bool whole) {
    json::object o;
    if (s.effect) {
        const event& e = *s.effect;
        if (e.request) {
            json::object request = whole ? to_json(e.request->whole()) : e.request->to_json();
            if (auto* earlier = request.if_contains("earlier")) {
                o["earlier"] = *earlier;
                if (auto* frame = request.if_contains("frame"); frame && frame->is_object())
                    for (const auto& [key, v] : frame->get_object()) request[key] = v;
            }
            for (const char* key : {"messages", "tools", "sampling", "outputs_schema"})
                if (auto* v = request.if_contains(key)) o[key] = *v;
        }
        if (e.response) {
            o["completion"] = e.response->text;
            if (!e.response->reasoning.empty()) o["reasoning"] = e.response->reasoning;
            json::array calls;
            for (const auto& c : e.response->tool_calls)
                calls.push_back(json::object{{"name", c.name}, {"arguments", c.arguments}});
            if (!calls.empty()) o["tool_calls"] = std::move(calls);
        }
        if (!e.arguments.is_null()) o["arguments"] = e.arguments;
        if (!e.result.is_null()) o["result"] = e.result;
    }
    if (s.call) {
        o["inputs"] = s.call->inputs;
        o["outputs"] = s.call->outputs;
    }
    if (s.assertion) {
        o["site"] = s.assertion->site;
        o["outputs"] = s.assertion->outputs;
        o["final"] = s.assertion->final;
        o["blamed"] = s.assertion->blamed.path;
    }
    return o;
}

}  // namespace

json::object content_of(const span& s) { return content_by_reference(s, true); }

namespace {

// Without contents: a tool's words may quote its arguments, a server's the prompt, an assertion's what it is about.
std::string failed_text(const span& s) {
    if (s.effect && s.effect->error_code) return make_error_code(static_cast<lm_errc>(s.effect->error_code)).message();
    return s.kind == span_kind::tool ? "the tool failed" : "it failed";
}

}  // namespace

std::string_view to_string(span_kind k) {
    constexpr std::string_view names[]{"run",      "branch", "predictor", "model",    "tool",
                                       "approval", "clock",  "random",    "backtrack"};
    return names[static_cast<std::size_t>(k)];
}

std::vector<span> trace_of(const std::vector<journal_record>& records, std::string program) {
    return drawing{records, std::move(program)}.take();
}

flow_state met_in(const std::vector<span>& trace) {
    flow_state met;
    for (const auto& s : trace)
        if (s.kind == span_kind::tool && s.effect) met.meet(s.effect->flow, {s.effect->tool, s.effect->id, {}});
    return met;
}

json::object to_json(const std::vector<span>& trace, const json::object& about, bool content, std::size_t most_whole) {
    std::size_t whole_bytes = 0;
    json::array spans;
    spans.reserve(trace.size());
    for (const auto& s : trace) {
        json::object o{{"kind", to_string(s.kind)},
                       {"name", s.name},
                       {"start", s.start.count()},
                       {"duration", s.duration.count()}};
        if (s.parent != SIZE_MAX) o["parent"] = s.parent;
        if (!s.branch.empty()) o["branch"] = s.branch;
        if (s.open) o["open"] = true;
        if (s.abandoned) o["abandoned"] = true;
        if (!s.error.empty()) o["error"] = content ? s.error : failed_text(s);
        if (s.kind == span_kind::run)
            if (auto met = to_json(met_in(trace)); !met.empty()) o["met"] = std::move(met);
        if (s.effect) {
            if (s.effect->flow.any()) o["flow"] = to_json(s.effect->flow);
            if (!s.effect->why.empty()) o["why"] = s.effect->why;
            o["id"] = s.effect->id;
            o["path"] = s.effect->path;
            o["occurrence"] = s.effect->occurrence;
            if (s.effect->response) {
                o["usage"] = to_json(s.effect->response->usage);
                o["finish"] = to_string(s.effect->response->finish);
            }
        }
        if (content) {
            bool whole = whole_bytes <= most_whole;
            if (whole && s.effect && s.effect->request && s.effect->request->earlier_effect())
                for (const auto& m : s.effect->request->whole().messages) whole_bytes += m.content.size() + 64;
            auto held = content_by_reference(s, whole && whole_bytes <= most_whole);
            if (!held.empty()) o["content"] = std::move(held);
        }
        spans.push_back(std::move(o));
    }
    return {{"about", about}, {"spans", std::move(spans)}};
}

}  // namespace reagent
