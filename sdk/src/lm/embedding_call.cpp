#include "embedding_call.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

namespace reagent::detail {

lm_request request_for_vectors(std::span<const std::string> texts) {
    lm_request request;
    request.sampling.max_tokens = 1;  // it writes nothing; so a limit of tokens sets nothing aside for it
    for (const auto& t : texts) request.messages.push_back({role::user, t});
    return request;
}

std::vector<std::vector<float>> vectors_in(const json::value& rows, std::size_t expected) {
    auto wrong = [] { return lm_error{lm_errc::malformed_response, "what is given as vectors of texts is none"}; };
    if (!rows.is_array() || rows.get_array().size() != expected) throw wrong();
    std::vector<std::vector<float>> vectors;
    for (const auto& row : rows.get_array()) {
        if (!row.is_array()) throw wrong();
        auto& v = vectors.emplace_back();
        for (const auto& f : row.get_array()) {
            if (!f.is_number()) throw wrong();
            v.push_back(f.to_number<float>());
        }
    }
    return vectors;
}

}  // namespace reagent::detail
