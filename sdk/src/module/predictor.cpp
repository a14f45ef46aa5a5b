#include <reagent/module/predictor.hpp>

#include <reagent/adapter/field_stream.hpp>

#include "../text.hpp"

#include <boost/json.hpp>

namespace reagent {

module::module(module& parent, std::string name) : path_{parent.path_.empty() ? name : parent.path_ + "." + name} {
    if (name.empty() || name.find('.') != name.npos)
        throw std::invalid_argument{"a module's name must not be empty nor hold a dot: \"" + name + "\""};
    for (const module* sibling : parent.children_)
        if (sibling->path_ == path_) throw std::invalid_argument{"two children of a module are called \"" + name + "\""};
    parent.children_.push_back(this);
}

predictor::predictor(reagent::signature s) : signature_{std::move(s)} {}
predictor::predictor(module& parent, std::string name, reagent::signature s) : module{parent, std::move(name)}, signature_{std::move(s)} {}

const std::string& predictor::predictor_path() const {
    static const std::string self = "self";
    return path().empty() ? self : path();
}

signature with_parameters(signature s, const predictor_parameters& p) {
    if (p.instructions) s.instructions = *p.instructions;
    for (auto* fields : {&s.inputs, &s.outputs})
        for (auto& f : *fields) {
            if (auto d = p.descriptions.find(f.name); d != p.descriptions.end()) f.description = d->second;
            if (auto x = p.prefixes.find(f.name); x != p.prefixes.end()) f.prefix = x->second;
        }
    return s;
}

void predictor::check_inputs(const json::object& inputs) const {
    for (const auto& f : signature_.inputs)
        if (!inputs.contains(f.name) && f.type != "History")
            throw signature_error{signature_errc::missing_input, "input `" + f.name + "` of \"" + signature_.text() + "\" is missing", 0,
                                  "pass \"" + f.name + "\"_f = ..."};
    for (const auto& [name, v] : inputs) {
        if (signature_.input(name)) continue;
        std::vector<std::string> names;
        for (const auto& f : signature_.inputs) names.push_back(f.name);
        auto near = did_you_mean(name, names);
        throw signature_error{signature_errc::unknown_field, "\"" + signature_.text() + "\" has no input `" + std::string{name} + "`", 0,
                              near.empty() ? "" : "did you mean `" + near + "`?"};
    }
}

std::shared_ptr<const prompt_template> predictor::prompt_for(run& r, adapter a) const {
    const auto* p = r.parameters() ? r.parameters()->find(predictor_path()) : nullptr;
    if (p) {
        auto make = [&] { return std::make_shared<const prompt_template>(a, with_parameters(signature_, *p), p->demos); };
        return r.prompt(predictor_path() + '\n' + std::string{to_string(a)}, make);
    }
    std::lock_guard lock{mutex_};
    auto& slot = prompts_[static_cast<std::size_t>(a)];
    if (!slot) slot = std::make_shared<const prompt_template>(a, signature_);
    return slot;
}

namespace {

std::string ending(const lm_response& r) {
    if (r.finish == finish_reason::length) return "; the answer was cut off by the token limit, raise max_tokens";
    if (r.finish == finish_reason::content_filter) return "; the provider's content filter cut the answer";
    return {};
}

}  // namespace

task<json::object> predictor::call(run& r, json::object inputs, call_options options) const {
    check_inputs(inputs);
    const std::string path = predictor_path();
    const auto* own = r.parameters() ? r.parameters()->find(path) : nullptr;
    language_model model = own && own->lm ? own->lm : r.options().lm;
    adapter a = r.options().adapter;
    auto prompt = prompt_for(r, a);

    auto ask = [&](std::vector<message> messages, bool as_json) -> lm_request {
        lm_request request;
        request.messages = std::move(messages);
        if (own) request.sampling = own->sampling;
        if (as_json && model && model.backend()->has_structured_output()) request.outputs_schema = outputs_schema(prompt->signature());
        return request;
    };
    // Tells what the outputs grow by, while they are written.
    auto watch = [&](adapter format) -> std::function<void(const lm_event&)> {
        if (!r.options().stream || !r.options().on_event) return {};
        auto fields = std::make_shared<field_stream>(format, prompt->signature());
        return [&r, &path, fields](const lm_event& e) {
            if (e.kind == lm_event::reasoning) r.notify({.kind = run_event::piece, .path = path, .text = e.text_piece});
            if (e.kind != lm_event::text && e.kind != lm_event::end) return;
            for (const auto& p : e.kind == lm_event::end ? fields->finish() : fields->feed(e.text_piece))
                r.notify({.kind = run_event::piece, .path = path, .field = p.field, .text = p.text});
        };
    };
    // Servers that do not know `response_format` refuse the request: then it goes without.
    auto send = [&](lm_request request, adapter format) -> task<std::shared_ptr<const lm_response>> {
        auto on_event = watch(format);
        if (!request.outputs_schema) co_return co_await r.call_model(path, model, std::move(request), on_event);
        lm_request plain = request;
        plain.outputs_schema.reset();
        std::shared_ptr<const lm_response> response;
        try {
            response = co_await r.call_model(path, model, std::move(request), on_event);
        } catch (const lm_error& e) {
            if (e.code() != lm_errc::invalid_request) throw;
        }
        if (!response) response = co_await r.call_model(path, model, std::move(plain), on_event);
        co_return response;
    };

    auto first = co_await send(ask(prompt->messages(inputs, options.history, options.past), a == adapter::json), a);
    auto outputs = parse(a, prompt->signature(), first->text);
    if (outputs) co_return std::move(*outputs);
    std::string complaint = outputs.error().message + ending(*first);
    if (a == adapter::json || !r.options().json_fallback)
        throw parse_error{outputs.error().code, "the completion for \"" + prompt->signature().text() + "\" cannot be read: " + complaint,
                          outputs.error().field, first->text};

    r.notify({.kind = run_event::note, .path = path, .error = complaint});
    auto second_prompt = prompt_for(r, adapter::json);
    auto messages = second_prompt->messages(inputs, options.history, options.past);
    messages.push_back({role::assistant, cut(first->text, 20'000)});
    messages.push_back({role::user, "That cannot be read: " + complaint + ".\nAnswer again, with nothing but the JSON object."});
    if (r.options().stream) r.notify({.kind = run_event::restart, .path = path});
    auto second = co_await send(ask(std::move(messages), true), adapter::json);
    outputs = parse(adapter::json, prompt->signature(), second->text);
    if (outputs) co_return std::move(*outputs);
    throw parse_error{outputs.error().code,
                      "the completion for \"" + prompt->signature().text() +
                          "\" cannot be read, as JSON neither: " + outputs.error().message + ending(*second),
                      outputs.error().field, second->text};
}

}  // namespace reagent
