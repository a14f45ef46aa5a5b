// /v1: programs as models.
#include "../json_body.hpp"
#include "../problem.hpp"
#include "../server_impl.hpp"
#include "protocol.hpp"

#include <boost/json.hpp>

#include <ctime>

namespace reagent {
namespace {

using detail::model_refusal;
using detail::program_route;

json::object model_of(const program_route& p) {
    return {{"id", p.name()}, {"object", "model"}, {"created", 0}, {"owned_by", "reagent"}};
}

http_reply in_openai_shape(const http_reply& refused) {
    model_refusal f{refused.status, "the model cannot answer at the moment", {}, "unavailable"};
    auto reply = detail::reply_of(f);
    reply.headers = refused.headers;
    return reply;
}

using reader = detail::model_request (*)(const json::value&, const std::function<program_route*(std::string_view)>&);
using maker = std::unique_ptr<detail::model_protocol> (*)(detail::answered_as);

task<http_reply> ask(std::shared_ptr<http_request> r, std::size_t depth,
                     std::function<program_route*(std::string_view)> named, reader read, maker make) {
    http_reply reply;
    try {
        json::value body;
        try {
            body = detail::parse_body(r->body, depth);
        } catch (const detail::bad_json& e) {
            throw model_refusal{400, e.what(), {}, "invalid_json"};
        }
        auto m = read(body, named);
        detail::answered_as as{r->id, m.program->name(), std::time(nullptr), m.wants_usage};
        std::shared_ptr<detail::model_protocol> protocol = make(std::move(as));
        reply = co_await detail::answer_as_model(r, std::move(m), std::move(protocol));
    } catch (const model_refusal& f) {
        reply = detail::reply_of(f);
    } catch (const detail::refused& f) {
        reply = in_openai_shape(f.reply);
    }
    co_return reply;
}

}  // namespace

void server::impl::add_models() {
    auto named = [this](std::string_view name) -> program_route* {
        for (auto& p : programs)
            if (p->name() == name && p->options().as_model) return p.get();
        return nullptr;
    };
    const auto depth = options.limits.json_depth;
    handle("POST", "/v1/chat/completions", [=](std::shared_ptr<http_request> r) {
        return ask(std::move(r), depth, named, &detail::read_chat, &detail::chat_protocol);
    });
    handle("POST", "/v1/responses", [=](std::shared_ptr<http_request> r) {
        return ask(std::move(r), depth, named, &detail::read_response, &detail::response_protocol);
    });
    handle("GET", "/v1/models", [this](std::shared_ptr<http_request>) -> task<http_reply> {
        json::array all;
        for (const auto& p : programs)
            if (p->options().as_model) all.push_back(model_of(*p));
        co_return detail::json_reply(json::object{{"object", "list"}, {"data", std::move(all)}});
    });
    handle("GET", "/v1/models/{model}", [named](std::shared_ptr<http_request> r) -> task<http_reply> {
        auto* p = named(r->places["model"]);
        if (!p)
            co_return detail::reply_of(
                model_refusal{404, "there is no model of that name", "model", "model_not_found"});
        co_return detail::json_reply(model_of(*p));
    });
}

}  // namespace reagent
