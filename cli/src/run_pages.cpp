#include "run_pages.hpp"

#include "runs.hpp"

#include <reagent/observe/trace.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <malloc.h>
#include <boost/json.hpp>

#include <algorithm>
#include <unordered_map>

namespace reagent::cli {
namespace {

constexpr std::size_t page_bytes = 256 * 1024, read_bytes = 256 * 1024, most_outline_bytes = 12 << 20,
                      most_found = 10'000, most_content = 256 * 1024;

std::string hint_of(const json::value& v) {
    std::string text;
    auto add = [&](const json::value& item) {
        if (text.size() > 200) return;
        std::string one =
            item.is_string() ? std::string{std::string_view{item.get_string()}.substr(0, 400)} : dump_json(item);
        text += (text.empty() ? "" : " \xC2\xB7 ") + shortened(std::move(one), 200);
    };
    if (v.is_object())
        for (const auto& [key, item] : v.get_object()) add(item);
    else if (!v.is_null())
        add(v);
    return visible(shortened(std::move(text), 160));
}

// A record without what makes it large.
journal_record outlined(const journal_record& r, std::string& hint) {
    auto light = [&](const event& e) {
        event l;
        l.kind = e.kind, l.id = e.id, l.branch = e.branch, l.path = e.path, l.occurrence = e.occurrence,
        l.splits = e.splits;
        l.tool = e.tool, l.started = e.started, l.duration = e.duration;
        l.error = shortened(e.error, 1000);
        if (e.kind == event_kind::approval && e.result.is_object()) {
            auto d = approval_decision_from_json(e.result);
            hint = decision_text(d.approved, d.by, d.at);
        } else
            hint = hint_of(e.arguments.is_null() ? e.result : e.arguments);
        if (!e.response) return l;
        lm_response answer;
        answer.model = e.response->model, answer.usage = e.response->usage, answer.finish = e.response->finish;
        l.response = std::make_shared<const lm_response>(std::move(answer));
        return l;
    };
    if (auto* f = std::get_if<effect_finished>(&r.what)) return {r.at, effect_finished{light(f->what)}};
    if (auto* b = std::get_if<effect_begun>(&r.what))
        return {r.at, effect_begun{light(b->what), b->repeatable, b->reentered, {}, b->key}};
    if (auto* d = std::get_if<decision_wanted>(&r.what)) return {r.at, decision_wanted{light(d->what), {}}};
    if (auto* p = std::get_if<predictor_returned>(&r.what)) {
        hint = hint_of(p->call->outputs);
        return {r.at,
                predictor_returned{std::make_shared<const predictor_call>(predictor_call{p->call->place, {}, {}, {}})}};
    }
    if (auto* a = std::get_if<assertion_recorded>(&r.what)) {
        auto failed = a->what;
        failed.outputs = {};
        return {r.at, assertion_recorded{std::move(failed)}};
    }
    return r;
}

// What a span points to, of a record.
const void* held_by(const journal_record& r) {
    if (auto* f = std::get_if<effect_finished>(&r.what)) return &f->what;
    if (auto* b = std::get_if<effect_begun>(&r.what)) return &b->what;
    if (auto* d = std::get_if<decision_wanted>(&r.what)) return &d->what;
    if (auto* p = std::get_if<predictor_returned>(&r.what)) return p->call.get();
    if (auto* a = std::get_if<assertion_recorded>(&r.what)) return &a->what;
    return nullptr;
}

const event* event_of(const journal_record& r) {
    if (auto* f = std::get_if<effect_finished>(&r.what)) return &f->what;
    if (auto* b = std::get_if<effect_begun>(&r.what)) return &b->what;
    if (auto* d = std::get_if<decision_wanted>(&r.what)) return &d->what;
    return nullptr;
}

json::object span_json(const span& s, std::uint64_t record, const std::string& hint) {
    std::vector<span> one{s};
    one.front().parent = SIZE_MAX;
    json::object o = std::move(to_json(one, {}, false).at("spans").as_array().at(0).as_object());
    if (s.parent != SIZE_MAX) o["parent"] = s.parent;
    if (record) o["record"] = record;
    if (!hint.empty()) o["hint"] = hint;
    return o;
}

json::array pending_of(journal_store& store, const std::string& id) {
    json::array all;
    for (const auto& p : store.pending(id)) {
        const auto& e = p.wanted.what;
        json::object o{{"effect", e.id},
                       {"tool", visible_name(e.tool)},
                       {"consent", e.kind == event_kind::approval},
                       {"question", question_text(e, 64 * 1024, "reagent runs show " + shell_word(id) + " --whole")},
                       {"digest", p.digest}};
        if (p.decided) {
            bool yes = p.decided->kind != run_decision::reject && p.decided->kind != run_decision::failed;
            o["decided"] = decision_text(yes, p.decided->by, p.decided->at);
        }
        all.push_back(std::move(o));
    }
    return all;
}

// A prompt may be as long as its run.
void cut_content(json::value& message) {
    auto* o = message.if_object();
    auto* text = o ? o->if_contains("content") : nullptr;
    if (!text || !text->is_string() || text->get_string().size() <= most_content) return;
    std::string all{text->get_string()};
    std::size_t size = all.size();
    *text = shortened(std::move(all), most_content) + "\n[" + std::to_string(most_content) + " of " +
            std::to_string(size) + " bytes are shown; all of them: reagent trace]";
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

}  // namespace

std::shared_ptr<const run_pages::outline> run_pages::outline_of(const stored_run& r) {
    std::lock_guard lock{mutex_};
    for (auto o = outlines_.begin(); o != outlines_.end(); ++o)
        if ((*o)->id == r.id) {
            auto known = *o;
            outlines_.erase(o);
            if (known->records == r.records) return outlines_.emplace_front(std::move(known));
            break;
        }
    auto made = std::make_shared<outline>();
    made->id = r.id;
    made->records = r.records;
    {
        std::vector<journal_record> light;
        std::vector<std::uint64_t> numbers;
        std::vector<std::string> hints;
        for (std::uint64_t after = 0; after < r.records;) {
            auto part = store_->page(r.id, after, read_bytes);
            if (part.empty()) break;
            for (const auto& p : part) {
                after = p.number;
                if (p.number > r.records) break;
                std::string hint;
                auto record = outlined(p.what, hint);
                if (!held_by(record) && !std::holds_alternative<effects_abandoned>(record.what)) continue;
                light.push_back(std::move(record));
                numbers.push_back(p.number);
                hints.push_back(std::move(hint));
            }
        }
        std::unordered_map<const void*, std::size_t> where;
        for (std::size_t i = 0; i < light.size(); ++i)
            if (auto* held = held_by(light[i])) where[held] = i;
        for (const auto& s : trace_of(light, r.program)) {
            const void* held = s.effect ? static_cast<const void*>(s.effect)
                               : s.call ? static_cast<const void*>(s.call)
                                        : s.assertion;
            auto at = held ? where.find(held) : where.end();
            bool found = at != where.end();
            made->spans += dump_strict_json(
                span_json(s, found ? numbers[at->second] : 0, found ? hints[at->second] : std::string{}));
            made->ends.push_back(made->spans.size());
        }
    }
    made->spans.shrink_to_fit();
    ::malloc_trim(0);  // what was needed to draw it
    outlines_.push_front(made);
    std::size_t bytes = 0, kept = 0;
    for (auto o = outlines_.begin(); o != outlines_.end(); ++kept) {
        bytes += (*o)->spans.size() + (*o)->ends.size() * sizeof(std::size_t);
        o = kept > 0 && bytes > most_outline_bytes ? outlines_.erase(o) : std::next(o);
    }
    return made;
}

std::string run_pages::page(const std::string& id, std::size_t from) {
    auto r = store_->get(id);
    auto o = outline_of(r);
    json::object head{{"total", o->ends.size()}};
    if (from == 0) {
        head["about"] = to_json(r);
        head["pending"] = pending_of(*store_, id);
    }
    std::size_t begin = from == 0 ? 0 : from <= o->ends.size() ? o->ends[from - 1] : o->spans.size(), to = from;
    while (to < o->ends.size() && (to == from || o->ends[to] - begin <= page_bytes)) ++to;
    if (to < o->ends.size()) head["next"] = to;
    std::string body = dump_strict_json(head);
    body.back() = ',';
    body += "\"spans\":[";
    for (std::size_t i = from; i < to; ++i) {
        std::size_t first = i ? o->ends[i - 1] : 0;
        if (i > from) body += ',';
        body.append(o->spans, first, o->ends[i] - first);
    }
    return body + "]}";
}

std::string run_pages::content(const std::string& id, std::uint64_t number) {
    if (number == 0) return "{}";
    std::lock_guard lock{mutex_};
    // References go back as far as the run's beginning: its requests are read from there, what is new in each and
    // nothing else.
    std::unordered_map<std::uint64_t, std::shared_ptr<const recorded_request>> requests;
    auto linked = [&](const std::shared_ptr<const recorded_request>& r) {
        if (r->is_known()) return r;
        auto earlier = requests.find(r->earlier_effect());
        return earlier == requests.end() ? r : r->after(earlier->second);
    };
    bool wants_request = false;
    journal_record wanted;
    {
        auto part = store_->page(id, number - 1, 1);
        if (part.empty() || part.front().number != number) return "{}";
        wanted = std::move(part.front().what);
        auto* e = event_of(wanted);
        wants_request = e && e->request && !e->request->is_known();
    }
    for (std::uint64_t after = 0; wants_request && after + 1 < number;) {
        auto part = store_->page(id, after, read_bytes);
        if (part.empty()) break;
        for (const auto& p : part) {
            after = p.number;
            if (p.number >= number) break;
            auto* f = std::get_if<effect_finished>(&p.what.what);
            if (f && f->what.request && f->what.id) requests[f->what.id] = linked(f->what.request);
        }
    }
    span s;
    event shown;
    if (auto* e = event_of(wanted)) {
        shown = *e;
        if (shown.request) shown.request = linked(shown.request);
        requests.clear();  // but for those that are continued
        s.effect = &shown;
    } else if (auto* p = std::get_if<predictor_returned>(&wanted.what))
        s.call = p->call.get();
    else if (auto* a = std::get_if<assertion_recorded>(&wanted.what))
        s.assertion = &a->what;
    json::object held = content_of(s);
    if (auto* messages = held.if_contains("messages"); messages && messages->is_array())
        for (auto& m : messages->get_array()) cut_content(m);
    std::string body = dump_strict_json(held);
    shown = {};
    ::malloc_trim(0);
    return body;
}

std::string run_pages::search(const std::string& id, const std::string& text) {
    json::array found;
    std::string wanted = lower(text);
    auto records = store_->get(id).records;
    for (std::uint64_t after = 0; after < records && found.size() < most_found && !wanted.empty();) {
        auto part = store_->page(id, after, read_bytes);
        if (part.empty()) break;
        for (const auto& p : part) {
            after = p.number;
            if (found.size() < most_found && lower(to_text(p.what)).find(wanted) != std::string::npos)
                found.push_back(p.number);
        }
    }
    return dump_strict_json(found);
}

}  // namespace reagent::cli
