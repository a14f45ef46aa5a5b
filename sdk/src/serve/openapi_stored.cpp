// What the description says of stored runs and conversations.
#include "openapi_parts.hpp"

namespace reagent::detail::openapi {
namespace {

json::object of_type(const char* type) { return {{"type", type}}; }
json::object text_like(const char* pattern) { return {{"type", "string"}, {"pattern", pattern}}; }

json::object header_parameter(const char* name, const char* description, json::object schema) {
    json::object p{{"name", name}, {"in", "header"}, {"required", false}, {"description", description}};
    p["schema"] = std::move(schema);
    return p;
}

json::object place_parameter(const char* description) {
    json::object p{{"name", "id"}, {"in", "path"}, {"required", true}, {"description", description}};
    p["schema"] = of_type("string");
    return p;
}

json::object run_schema() {
    json::array all{"ready", "running", "awaiting_approval", "outcome_unknown", "finished", "failed", "cancelled"};
    json::object status{{"type", "string"}, {"enum", std::move(all)}};
    json::object pending{{"type", "array"}, {"items", schema_ref("PendingCall")}};
    return {{"type", "object"},
            {"required", {"id", "program", "status", "inputs", "pending", "usage"}},
            {"properties",
             {{"id", of_type("string")},
              {"program", of_type("string")},
              {"status", std::move(status)},
              {"session", of_type("string")},
              {"inputs", of_type("object")},
              {"outputs", of_type("object")},
              {"problem", schema_ref("Problem")},
              {"cancel_requested", of_type("boolean")},
              {"pending", std::move(pending)},
              {"usage", of_type("object")},
              {"created_ms", of_type("integer")},
              {"updated_ms", of_type("integer")}}}};
}

json::object pending_schema() {
    return {{"type", "object"},
            {"description", "A call that waits for a decision, whole"},
            {"required", {"effect", "kind", "tool", "arguments", "digest"}},
            {"properties",
             {{"effect", of_type("integer")},
              {"kind", {{"type", "string"}, {"enum", {"approval", "outcome_unknown"}}}},
              {"tool", of_type("string")},
              {"arguments", json::object{}},
              {"question", {{"type", "string"}, {"description", "for people: what cannot be seen is escaped"}}},
              {"digest", text_like("^[0-9a-f]{64}$")},
              {"why", of_type("string")},
              {"asked_again", of_type("string")},
              {"decided", of_type("object")}}}};
}

json::object decision_schema(const char* other, json::object shape) {
    json::object properties{{"digest", text_like("^[0-9a-f]{64}$")}};
    properties[other] = std::move(shape);
    json::object o{{"type", "object"}, {"required", json::array{"digest"}}, {"properties", std::move(properties)}};
    o["additionalProperties"] = false;
    return o;
}

json::object event_schema() {
    return {{"type", "object"},
            {"required", {"id", "type", "data"}},
            {"properties",
             {{"id", of_type("string")},
              {"type",
               {{"type", "string"}, {"enum", {"status", "step", "waits", "decided", "restart", "output", "error"}}}},
              {"data", of_type("object")}}}};
}

json::object events_schema() {
    json::object events{{"type", "array"}, {"items", schema_ref("RunEvent")}};
    return {{"type", "object"},
            {"required", {"status", "events", "over", "next"}},
            {"properties",
             {{"status", of_type("string")},
              {"events", std::move(events)},
              {"over", of_type("boolean")},
              {"next", {{"type", "string"}, {"description", "the cursor of the next page"}}}}}};
}

json::object session_schema() {
    json::object turns{{"type", "array"}, {"items", of_type("object")}};
    return {{"type", "object"},
            {"required", {"id", "program", "turns"}},
            {"properties",
             {{"id", of_type("string")},
              {"program", of_type("string")},
              {"turns", std::move(turns)},
              {"waits_for", {{"type", "string"}, {"description", "the run that is its next turn"}}},
              {"updated_ms", of_type("integer")}}}};
}

struct operation {
    const char *id, *summary, *status, *good;
    json::object content{};
};

json::object described(operation o, bool keys, json::array parameters) {
    json::object responses;
    responses[o.status] = answer(o.good, std::move(o.content));
    add_refusals(responses, keys);
    responses["404"] = refusal("There is no such thing, or it is another key's");
    responses["503"] = refusal("The store cannot be used at the moment; Retry-After says for how long");
    json::object op{{"operationId", o.id}, {"summary", o.summary}, {"responses", std::move(responses)}};
    op["parameters"] = std::move(parameters);
    return op;
}

json::object run_content() { return content("application/json", schema_ref("Run")); }

json::object decision(operation o, const char* body, bool keys) {
    auto op = described(std::move(o), keys, {place_parameter("the run's id")});
    auto& responses = op["responses"].as_object();
    responses["403"] = refusal("The key may not decide, or another origin asks");
    responses["409"] = refusal("Something else waits, or it was decided, or the run is over");
    responses["415"] = refusal("The body is no application/json");
    responses["422"] = refusal("The decision, or what the call is to be given, does not fit");
    op["requestBody"] = {{"required", true}, {"content", content("application/json", schema_ref(body))}};
    return op;
}

json::object events_operation(bool keys) {
    auto good = content("application/json", schema_ref("RunEvents"));
    good["text/event-stream"] = {{"schema", {{"type", "string"}, {"description", "events as RunEvent, live"}}}};
    json::array parameters{place_parameter("the run's id"),
                           header_parameter("Last-Event-ID", "go on behind this event", of_type("string"))};
    json::object after{{"name", "after"}, {"in", "query"}, {"required", false}, {"schema", of_type("string")}};
    parameters.push_back(std::move(after));
    auto op = described({"runEvents", "What a run has done, and does", "200", "Events", std::move(good)}, keys,
                        std::move(parameters));
    op["responses"].as_object()["204"] = answer("The client has seen the end");
    return op;
}

void describe_sessions(json::object& paths, bool keys) {
    json::array name{place_parameter("as X-Session-Id names it")};
    auto forget = described({"deleteSession", "Forgets a conversation", "204", "Forgotten"}, keys, name);
    forget["responses"].as_object()["409"] = refusal("Its last turn is not over");
    paths["/sessions/{id}"] = {{"get", described({"session", "A conversation", "200", "Its turns",
                                                  content("application/json", schema_ref("Session"))},
                                                 keys, name)},
                               {"delete", std::move(forget)}};
}

}  // namespace

void describe_stored_answer(json::array& parameters, json::object& responses, bool sessions) {
    parameters.push_back(header_parameter("Prefer", "RFC 7240: wait=SECONDS, or respond-async", of_type("string")));
    if (sessions)
        parameters.push_back(header_parameter("X-Session-Id", "the conversation that this is a turn of",
                                              text_like("^[A-Za-z0-9._-]{1,64}$")));
    auto accepted = answer("The run is stored, and goes on", run_content());
    accepted["headers"] = {{"Location", {{"schema", of_type("string")}, {"description", "the run's place"}}}};
    responses["202"] = std::move(accepted);
    responses["200"].as_object()["description"] = "The outputs, where the end was waited for";
    responses["406"] = refusal("Its events are at its place");
    responses["409"] = refusal(
        "The turn before is not over, the conversation is as long as may be, or the run was "
        "cancelled");
}

void describe_stored_places(json::object& paths, json::object& shared, bool keys) {
    shared["Run"] = run_schema();
    shared["PendingCall"] = pending_schema();
    shared["RunEvent"] = event_schema();
    shared["RunEvents"] = events_schema();
    shared["Session"] = session_schema();
    shared["Approval"] =
        decision_schema("arguments", {{"type", "object"}, {"description", "what the call is given instead"}});
    shared["Rejection"] = decision_schema("reason", {{"type", "string"}, {"description", "what the model is told"}});
    json::array id{place_parameter("the run's id")};
    paths["/runs/{id}"] = {
        {"get", described({"run", "A run, and what it waits for", "200", "The run", run_content()}, keys, id)}};
    paths["/runs/{id}/events"] = {{"get", events_operation(keys)}};
    paths["/runs/{id}/approve"] = {
        {"post", decision({"approve", "Consents to a call", "200", "The run", run_content()}, "Approval", keys)}};
    paths["/runs/{id}/reject"] = {
        {"post", decision({"reject", "Refuses a call", "200", "The run", run_content()}, "Rejection", keys)}};
    auto cancel = described({"cancel", "Ends a run", "202", "It ends at its next effect", run_content()}, keys, id);
    cancel["responses"].as_object()["200"] = answer("It is cancelled", run_content());
    cancel["responses"].as_object()["409"] = refusal("The run is over");
    paths["/runs/{id}/cancel"] = {{"post", std::move(cancel)}};
    describe_sessions(paths, keys);
}

}  // namespace reagent::detail::openapi
