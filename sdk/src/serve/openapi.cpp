// GET /openapi.json: the server's description, from the programs' types. Source: OpenAPI Specification 3.1.1
#include "openapi_parts.hpp"
#include "schema_parts.hpp"
#include "server_impl.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

using namespace detail::openapi;

// A session fills it in.
void leave_out_history(json::value& input) {
    auto* o = input.if_object();
    auto* required = o ? o->if_contains("required") : nullptr;
    if (!required || !required->is_array()) return;
    auto& names = required->get_array();
    names.erase(std::remove(names.begin(), names.end(), json::value("history")), names.end());
    if (names.empty()) o->erase("required");
}

json::object program_operation(const detail::program_route& p, json::object& shared, bool keys) {
    const auto& o = p.options();
    auto input = detail::moved_schema(p.program().input, p.name() + ".input", schemas, shared);
    auto output = detail::moved_schema(p.program().output, p.name() + ".output", schemas, shared);
    if (output.is_bool()) output = json::object{};
    if (o.durable && p.remembers()) leave_out_history(input);
    shared[p.name() + ".input"] = std::move(input);
    shared[p.name() + ".output"] = std::move(output);
    json::object good = content("application/json", schema_ref(p.name() + ".output"));
    json::object responses;
    if (!o.durable)
        good["text/event-stream"] = {
            {"schema",
             {{"type", "string"}, {"description", "events: field, step, restart; at last output, or error"}}}};
    responses["200"] = answer("The outputs", std::move(good));
    add_refusals(responses, keys);
    responses["409"] = refusal("A request with that Idempotency-Key is under way");
    responses["415"] = refusal("The body is no application/json");
    responses["422"] = refusal("The input does not fit; every violation with its path");
    responses["500"] = refusal("The run failed");
    responses["502"] = refusal("The language model gave no answer that can be used");
    responses["503"] = refusal("No program, a full queue, or no language model; Retry-After says for how long");
    responses["504"] = refusal("No answer before the deadline");
    json::object op{{"operationId", p.name()}, {"summary", o.description.empty() ? p.name() : o.description}};
    json::object key{{"name", "Idempotency-Key"}, {"in", "header"}, {"required", false}};
    key["description"] = "The same key and body get the same answer again";
    key["schema"] = {{"type", "string"}, {"minLength", 1}, {"maxLength", 255}, {"pattern", "^[A-Za-z0-9._-]+$"}};
    json::array parameters{std::move(key)};
    if (o.durable) describe_stored_answer(parameters, responses, p.remembers());
    op["parameters"] = std::move(parameters);
    op["requestBody"] = {{"required", true}, {"content", content("application/json", schema_ref(p.name() + ".input"))}};
    op["responses"] = std::move(responses);
    return op;
}

json::object plain_operation(const char* id, const char* summary, json::object good, bool open, bool keys) {
    json::object responses{{"200", answer("Yes", std::move(good))}};
    add_refusals(responses, keys && !open);
    json::object op{{"operationId", id}, {"summary", summary}, {"responses", std::move(responses)}};
    if (open && keys) op["security"] = json::array{json::object{}};
    return op;
}

void describe_own(json::object& paths, bool keys) {
    json::object any{{"type", "object"}};
    paths["/healthz"] = {
        {"get", plain_operation("healthz", "Whether the server lives", content("application/json", any), true, keys)}};
    auto ready =
        plain_operation("readyz", "Whether every program can answer", content("application/json", any), true, keys);
    ready["responses"].as_object()["503"] = answer("Not yet, or not any more", content("application/json", any));
    paths["/readyz"] = {{"get", std::move(ready)}};
    paths["/metrics"] = {{"get", plain_operation("metrics", "For Prometheus",
                                                 content("text/plain", {{"type", "string"}}), false, keys)}};
}

}  // namespace

std::string server::impl::description() {
    const bool keys = access.wants_keys();
    json::object paths, shared{{"Problem", problem_schema()}};
    for (const auto& p : programs) paths[p->path()] = {{"post", program_operation(*p, shared, keys)}};
    describe_own(paths, keys);
    if (stored) describe_stored_places(paths, shared, keys);
    json::object components{{"schemas", std::move(shared)}};
    json::object all{{"openapi", "3.1.0"}, {"info", {{"title", options.title}, {"version", "1"}}}};
    if (keys) {
        components["securitySchemes"] = {{"key", {{"type", "http"}, {"scheme", "bearer"}}}};
        all["security"] = json::array{json::object{{"key", json::array{}}}};
    }
    all["paths"] = std::move(paths);
    all["components"] = std::move(components);
    return json::serialize(all);
}

}  // namespace reagent
