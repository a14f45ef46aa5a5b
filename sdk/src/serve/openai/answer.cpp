// A program's run, told as a model's answer.
#include "../problem.hpp"
#include "protocol.hpp"

#include "../../base/text.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

model_refusal refusal_of(const std::exception_ptr& failure) {
    auto f = told(failure);
    return {f.status, f.detail, {}, f.kind};
}

/// What of a text has been sent. What was sent cannot be taken back: after a restart nothing more is until the answer
/// is whole.
class growing_text {
public:
    growing_text(std::string field, std::string path, bool live)
        : field_{std::move(field)}, path_{std::move(path)}, live_{live && !field_.empty()} {}

    std::string add(const live_event& e) {
        if (e.kind == live_event::restart && !sent_.empty()) live_ = false;
        if (e.kind != live_event::piece || !live_ || e.field != field_ || e.path != path_) return {};
        sent_ += e.text;
        return e.text;
    }
    /// What is missing of the whole. @throws model_refusal where something else was sent
    std::string rest(const std::string& whole) const {
        if (whole.starts_with(sent_)) return whole.substr(sent_.size());
        if (trim(sent_) == trim(whole)) return {};
        throw model_refusal{
            502, "the answer was begun anew after a part of it had been sent; ask again", {}, "restarted"};
    }

private:
    std::string field_, path_, sent_;
    bool live_;
};

std::string last_predictor(const served_program& p) {
    if (!p.root) return {};
    auto all = predictors_of(*p.root);
    return all.empty() ? std::string{} : all.back()->predictor_path();
}

struct model_stream {
    std::shared_ptr<http_request> request;
    model_request asked;
    std::shared_ptr<call> run;
    std::shared_ptr<model_protocol> protocol;
    growing_text text;

    std::string last() {
        try {
            if (run->failure) return protocol->failed(refusal_of(run->failure));
            auto whole = text_of(asked, *run->output);
            auto rest = text.rest(whole);
            std::string last = rest.empty() ? std::string{} : protocol->grown(rest);
            return last += protocol->end(whole, run->used);
        } catch (const model_refusal& f) {
            request->error = f.code;
            return protocol->failed(f);
        }
    }
};

task<void> send_model_events(event_sink& to, std::shared_ptr<model_stream> s) {
    std::exception_ptr gone;
    try {
        co_await to.send(s->protocol->begin());
        auto shown = [s](const live_event& e) {
            auto grown = s->text.add(e);
            return grown.empty() ? std::string{} : s->protocol->grown(grown);
        };
        co_await next_events(to, s->run, shown);
        co_await to.send(s->last());
    } catch (...) {
        gone = std::current_exception();
        s->request->client->leave();
    }
    co_await s->asked.program->ended(s->run);
    s->asked.program->answered(*s->run, *s->request, gone ? 499 : s->run->failure ? told(s->run->failure).status : 200);
    if (gone) std::rethrow_exception(gone);
}

void add_names(http_reply& reply, const call& c) {
    if (c.version && !c.version->name.empty()) reply.headers.emplace_back("X-Program-Version", c.version->name);
    reply.headers.emplace_back("X-Run-Id", c.run);
}

}  // namespace

task<http_reply> answer_as_model(std::shared_ptr<http_request> r, model_request m,
                                 std::shared_ptr<model_protocol> protocol) {
    program_route& program = *m.program;
    r->program = program.name();
    program_route::call_settings how;
    how.streams = m.stream;
    how.sampling = m.sampling;
    auto c = program.begin(r, input_of(m), how);
    co_await program.left_queue(c);
    http_reply reply;
    if (m.stream && !c->failure) {
        const bool live = !m.as_json && m.stop.empty();
        auto s = std::make_shared<model_stream>(model_stream{
            r, m, c, protocol, growing_text{text_output(program.program()), last_predictor(program.program()), live}});
        reply.events = [s](event_sink& to) { return send_model_events(to, s); };
        add_names(reply, *c);
        co_return reply;
    }
    co_await program.ended(c);
    try {
        if (c->failure)
            reply = reply_of(refusal_of(c->failure));
        else
            reply = json_reply(protocol->whole(text_of(m, *c->output), c->used));
    } catch (const model_refusal& f) {
        reply = reply_of(f);
    }
    add_names(reply, *c);
    program.answered(*c, *r, r->client->has_left() ? 499 : reply.status);
    co_return reply;
}

}  // namespace reagent::detail
