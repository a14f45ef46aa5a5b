#pragma once

#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/retriever.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace reagent::cli {

/// The retriever of an index. @param by "words", "vectors" or "both"; "": both where there are vectors
/// @throws misuse where there are none; retrieve_error, lm_error
std::shared_ptr<const retriever> retriever_in(const std::string& folder, const std::string& by = {},
                                              const std::string& api_base = {},
                                              query_syntax syntax = query_syntax::words);

void add_index(CLI::App& app, std::function<int()>& chosen);

}  // namespace reagent::cli
