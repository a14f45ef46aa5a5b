#pragma once

#include "model_request.hpp"

namespace reagent::detail {

[[noreturn]] void refuse_parameter(const std::string& name, const std::string& why, const std::string& code);
const json::value* given(const json::object& body, const char* name);  ///< null for one that is not there, or null
std::optional<double> number_in(const json::object& body, const char* name, double least, double most);
std::optional<std::int64_t> whole_number_in(const json::object& body, const char* name, double least, double most);
bool flag_in(const json::object& body, const char* name);
void refuse_unknown(const json::object& body, const std::vector<std::string>& known);
/// What would change the answer and is not done: `false`, 0 and empty ones are no wish for it.
void refuse_set(const json::object& body, std::initializer_list<const char*> names);
program_route* program_in(const json::object& body,
                          const std::function<program_route*(std::string_view)>& program_named);
void check_tools(const json::object& body);
said message_in(const json::object& o, const std::string& parameter);
void read_format(const json::value* format, const std::string& parameter, model_request& m);
void check_messages(const model_request& m, const char* parameter);

}  // namespace reagent::detail
