#include "openapi_parts.hpp"

namespace reagent::detail::openapi {

json::object content(const char* type, json::value schema) { return {{type, {{"schema", std::move(schema)}}}}; }
json::object schema_ref(const std::string& name) { return {{"$ref", schemas + name}}; }

json::object answer(const char* text, json::object of) {
    json::object o{{"description", text}};
    if (!of.empty()) o["content"] = std::move(of);
    return o;
}
json::object refusal(const char* text) {
    return answer(text, content("application/problem+json", schema_ref("Problem")));
}

json::object problem_schema() {
    return {{"type", "object"},
            {"description", "RFC 9457"},
            {"required", {"type", "title", "status", "detail"}},
            {"properties",
             {{"type", {{"type", "string"}}},
              {"title", {{"type", "string"}}},
              {"status", {{"type", "integer"}}},
              {"detail", {{"type", "string"}}},
              {"violations",
               {{"type", "array"},
                {"items",
                 {{"type", "object"},
                  {"required", {"path", "message"}},
                  {"properties", {{"path", {{"type", "string"}}}, {"message", {{"type", "string"}}}}}}}}}}}};
}

void add_refusals(json::object& responses, bool keys) {
    responses["400"] = refusal("No JSON, too deep, or no request of this server");
    if (keys) responses["401"] = refusal("No key");
    responses["403"] = refusal("Another origin");
    responses["408"] = refusal("The request came too slowly");
    responses["413"] = refusal("The body is too large");
    responses["414"] = refusal("The address is too long");
    if (keys) responses["429"] = refusal("The key asks too often; Retry-After says for how long");
    responses["431"] = refusal("The header is too large");
}

}  // namespace reagent::detail::openapi
