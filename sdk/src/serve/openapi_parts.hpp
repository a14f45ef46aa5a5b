#pragma once

#include <reagent/schema/schema.hpp>

#include <boost/json.hpp>

#include <string>

namespace reagent::detail::openapi {

/// Pieces of a description. Source: OpenAPI Specification 3.1.1
inline constexpr const char* schemas = "#/components/schemas/";

json::object content(const char* type, json::value schema);
json::object schema_ref(const std::string& name);
json::object answer(const char* text, json::object of = {});
json::object refusal(const char* text);
json::object problem_schema();
/// What every place may refuse. @param keys whether it wants one
void add_refusals(json::object& responses, bool keys);

/// What a durable program's POST takes and answers besides.
void describe_stored_answer(json::array& parameters, json::object& responses, bool sessions);
/// /runs and /sessions.
void describe_stored_places(json::object& paths, json::object& shared, bool keys);

}  // namespace reagent::detail::openapi
