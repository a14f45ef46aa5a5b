#pragma once

#include "model_request.hpp"

namespace reagent::detail {

/// How an answer is told: whole, or in events. One for each answer.
class model_protocol {
public:
    virtual ~model_protocol() = default;
    virtual json::object whole(const std::string& text, const usage& used) = 0;
    virtual std::string begin() = 0;
    virtual std::string grown(const std::string& text) = 0;
    virtual std::string end(const std::string& text, const usage& used) = 0;
    virtual std::string failed(const model_refusal& why) = 0;
};

struct answered_as {
    std::string id, model;
    std::int64_t created = 0;
    bool wants_usage = false;
};
std::unique_ptr<model_protocol> chat_protocol(answered_as a);
std::unique_ptr<model_protocol> response_protocol(answered_as a);

/// Has the program answer. @throws model_refusal, refused
task<http_reply> answer_as_model(std::shared_ptr<http_request> r, model_request m,
                                 std::shared_ptr<model_protocol> protocol);

}  // namespace reagent::detail
