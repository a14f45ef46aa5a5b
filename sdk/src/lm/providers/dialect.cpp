#include "dialect.hpp"

#include "../../base/text.hpp"
#include "reading.hpp"

namespace reagent::provider {
namespace {

using words = std::vector<std::string_view>;

// Source: OpenAI, "Structured model outputs", supported schemas; those of numbers, texts and lengths of arrays are not
// for fine-tuned models.
const schema_rules openai_schemas{
    .keywords = {"type",
                 "properties",
                 "required",
                 "additionalProperties",
                 "items",
                 "enum",
                 "const",
                 "anyOf",
                 "$ref",
                 "$defs",
                 "definitions",
                 "title",
                 "description",
                 "minItems",
                 "maxItems",
                 "pattern",
                 "format",
                 "minimum",
                 "maximum",
                 "exclusiveMinimum",
                 "exclusiveMaximum",
                 "multipleOf"},
    .formats = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
    .closed = true,
    .bare_references = true};
const schema_rules fine_tuned_schemas{
    .keywords = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref",
                 "$defs", "definitions", "title", "description"},
    .closed = true,
    .bare_references = true};
// Source: Anthropic, "Structured outputs", JSON Schema limitations.
const schema_rules anthropic_schemas{
    .keywords = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "allOf",
                 "$ref", "$defs", "definitions", "title", "description", "default", "format", "minItems"},
    .formats = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
    .closed = true,
    .only_closed = true,
    .bare_references = true,
    .recursive = false,
    .counts_items = false};
// Source: Gemini API reference, "GenerationConfig", responseJsonSchema.
const schema_rules gemini_schemas{.keywords = {"type",     "properties",  "required",    "additionalProperties",
                                               "items",    "prefixItems", "enum",        "anyOf",
                                               "oneOf",    "$ref",        "$defs",       "$id",
                                               "$anchor",  "title",       "description", "format",
                                               "minItems", "maxItems",    "minimum",     "maximum"},
                                  .bare_references = true};
// Source: Cohere, "Structured Outputs", unsupported schema features.
const schema_rules cohere_schemas{
    .keywords = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref",
                 "$defs", "title", "description", "pattern", "format"},
    .formats = {"date-time", "uuid", "date", "time"}};
const schema_rules any_schemas{};

// Source: OpenAI API reference (ids of calls: at most 40 characters in chat, 64 in responses); Anthropic API reference,
// "Messages" (tool_use.id: ^[a-zA-Z0-9_-]+$); Mistral API reference, "Chat Completion" (nine letters and digits).
const id_rule up_to_40{.longest = 40, .anything = true}, up_to_64{.longest = 64, .anything = true},
    plain_64{.longest = 64}, nine{.longest = 9, .exactly = 9, .dashes = false}, any_id{.longest = 0, .anything = true};

using empty = dialect::empty;
using format = dialect::format;

// What servers of one protocol do differently, by the table's name. Sources: the API references that docs/models.md
// names.
struct row {
    std::string_view provider;
    void (*apply)(rules&);
};
const row servers[]{
    {"openai", [](rules& r) { r.ids = up_to_40, r.schemas = &openai_schemas; }},
    {"openai-responses", [](rules& r) { r.ids = up_to_64, r.schemas = &openai_schemas; }},
    {"anthropic", [](rules& r) { r.ids = plain_64, r.schemas = &anthropic_schemas; }},
    {"gemini", [](rules& r) { r.schemas = &gemini_schemas; }},
    {"cohere", [](rules& r) { r.schemas = &cohere_schemas; }},
    {"mistral",
     [](rules& r) {
         r.ids = nine, r.seed = "random_seed", r.usage_in_stream = false, r.empty_content = empty::null,
         r.schemas = &openai_schemas;
     }},
    {"groq", [](rules& r) { r.empty_content = empty::null, r.schemas = &openai_schemas; }},
    {"openrouter", [](rules& r) { r.empty_content = empty::null, r.schemas = &openai_schemas; }},
    {"together", [](rules& r) { r.empty_content = empty::null; }},
    {"deepseek", [](rules& r) { r.response_format = format::json_object; }},
    {"vllm", [](rules& r) { r.empty_content = empty::null; }},
    {"llamacpp", [](rules& r) { r.named_tool = false; }},
};

// What a family of models wants, whoever stands between. A name counts where it is followed by its end or by what is no
// letter or digit.
struct family {
    std::string_view provider, begins;
    void (*apply)(rules&);
};
constexpr auto newer_limit = [](rules& r) { r.max_tokens = "max_completion_tokens"; };
constexpr auto reasons = [](rules& r) { r.include_reasoning = true; };
const family families[]{
    {"openai", "o1", newer_limit},
    {"openai", "o3", newer_limit},
    {"openai", "o4", newer_limit},
    {"openai", "gpt-5", newer_limit},
    {"openai-responses", "o1", reasons},
    {"openai-responses", "o3", reasons},
    {"openai-responses", "o4", reasons},
    {"openai-responses", "gpt-5", reasons},
    {"openai-responses", "codex", reasons},
    {"openai-responses", "gpt-oss", reasons},
    {"gemini", "gemini-2", [](rules& r) { r.thinking_budget = true; }},
};

bool begins_with(std::string_view model, std::string_view family) {
    return model.starts_with(family) &&
           (model.size() == family.size() || !(is_alpha(model[family.size()]) || is_digit(model[family.size()])));
}

std::uint64_t hash(std::string_view text) {  // FNV-1a, Fowler, Noll and Vo
    std::uint64_t h = 14695981039346656037u;
    for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return h ^ h >> 29;
}

bool fits(const std::string& id, const id_rule& rule) {
    if (id.empty() || (rule.longest && id.size() > rule.longest) || (rule.exactly && id.size() != rule.exactly))
        return false;
    if (rule.anything) return true;
    for (char c : id)
        if (!is_alpha(c) && !is_digit(c) && !(rule.dashes && (c == '_' || c == '-'))) return false;
    return true;
}

bool is_blank(const message& m) {
    return trim(m.content).empty() && m.images.empty() && m.tool_calls.empty() && m.role != role::tool;
}

// The adapters' JSON of an answer is large, that of a call is not: it is parsed for every request.
bool is_object_text(const std::string& text) {
    boost::system::error_code ec;
    json::parse_options options;
    options.max_depth = 128;
    auto v = json::parse(text, ec, {}, options);
    return !ec && v.is_object();
}

}  // namespace

std::string family_of(std::string_view model) {
    if (model.starts_with("ft:")) model.remove_prefix(3);
    if (auto slash = model.rfind('/'); slash != model.npos) model.remove_prefix(slash + 1);
    if (model.starts_with("ft:")) model.remove_prefix(3);
    return to_lower(model);
}

rules rules_for(std::string_view provider, std::string_view model, const dialect& over) {
    rules r;
    r.schemas = &any_schemas;
    r.ids = any_id;
    for (const auto& s : servers)
        if (s.provider == provider) s.apply(r);
    const std::string own = family_of(model);
    for (const auto& f : families)
        if (f.provider == provider && begins_with(own, f.begins)) f.apply(r);
    if (r.schemas == &openai_schemas && model.find("ft:") != model.npos) r.schemas = &fine_tuned_schemas;
    if (over.max_completion_tokens) r.max_tokens = *over.max_completion_tokens ? "max_completion_tokens" : "max_tokens";
    r.include_reasoning = over.include_reasoning.value_or(r.include_reasoning);
    r.empty_content = over.empty_content.value_or(r.empty_content);
    r.response_format = over.response_format.value_or(r.response_format);
    r.strict_schemas = over.strict_schemas.value_or(r.strict_schemas);
    r.reasoning_back = over.reasoning_back.value_or(r.reasoning_back);
    r.usage_in_stream = over.usage_in_stream.value_or(r.usage_in_stream);
    r.done_ends = over.done_ends.value_or(r.done_ends);
    r.named_tool = over.named_tool.value_or(r.named_tool);
    return r;
}

std::string fitted_id(const std::string& id, const id_rule& rule) {
    if (fits(id, rule)) return id;
    static constexpr char signs[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::string made = rule.exactly ? "" : "call_";
    std::size_t size = rule.exactly ? rule.exactly : 16;
    for (std::uint64_t h = hash(id); made.size() < size; h /= 62) made += signs[h % 62];
    return made;
}

std::string arguments_text(const tool_call& c) {
    return is_object_text(c.arguments) ? c.arguments : json::serialize(arguments_object(c));
}

namespace {

constexpr std::size_t longest_name = 64;

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_offered(std::string_view name, const lm_request& r) {
    return std::any_of(r.tools.begin(), r.tools.end(), [&](const auto& t) { return t.name == name; });
}

// Servers refuse a whole request for a name that a model invented. What is offered has been taken as it is.
// Source: OpenAI API reference, "Create chat completion" (tools.function.name); Anthropic API reference, "Messages"
// (tool_use.name).
bool is_fit_name(const std::string& name, const lm_request& r) {
    return (!name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), is_plain)) ||
           is_offered(name, r);
}

}  // namespace

std::string fitted_name(const std::string& name, const lm_request& r) {
    if (is_fit_name(name, r)) return name;
    std::string made;
    for (const char c : name) {
        const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;  // a character of several bytes
        if (!continues) made += is_plain(c) ? c : '_';
    }
    constexpr std::string_view invented = "_unknown";
    made.resize(std::min(made.size(), longest_name - invented.size()));
    // It must not become a call of another tool.
    while (made.empty() || is_offered(made, r)) made += invented;
    return made;
}

std::optional<lm_request> prepared(const lm_request& r, const rules& how) {
    bool blank = false, spoken = false, odd = false;
    for (const auto& m : r.messages) {
        (is_blank(m) ? blank : spoken) = true;
        if (is_blank(m) && m.role != role::system) odd = true;
        odd = odd || (!m.tool_call_id.empty() && !fits(m.tool_call_id, how.ids));
        for (const auto& c : m.tool_calls)
            odd = odd || !fits(c.id, how.ids) || !is_fit_name(c.name, r) || !is_object_text(c.arguments);
    }
    if (!odd && !(blank && spoken)) return {};
    lm_request own = r;
    bool said = false;  // besides what the system message says
    for (const auto& m : own.messages) said = said || (!is_blank(m) && m.role != role::system);
    if (said) std::erase_if(own.messages, is_blank);
    for (auto& m : own.messages) {
        if (!m.tool_call_id.empty()) m.tool_call_id = fitted_id(m.tool_call_id, how.ids);
        for (auto& c : m.tool_calls) {
            c.id = fitted_id(c.id, how.ids);
            c.name = fitted_name(c.name, r);
            c.arguments = arguments_text(c);
        }
    }
    return own;
}

namespace {

const json::value* server_of(const json::value& block) {
    auto* server = block.is_object() ? block.get_object().if_contains("server") : nullptr;
    return server && server->is_string() ? server : nullptr;
}

}  // namespace

std::optional<lm_request> fit_for_server(const lm_request& r, std::string_view server) {
    auto is_marked = [](const message& m) {
        return std::any_of(m.reasoning_blocks.begin(), m.reasoning_blocks.end(),
                           [](const auto& b) { return server_of(b); }) ||
               std::any_of(m.tool_calls.begin(), m.tool_calls.end(),
                           [](const tool_call& c) { return !c.signed_by.empty(); });
    };
    if (std::none_of(r.messages.begin(), r.messages.end(), is_marked)) return {};
    lm_request own = r;
    for (auto& m : own.messages) {
        std::erase_if(m.reasoning_blocks,
                      [&](const auto& b) { return server_of(b) && server_of(b)->get_string() != server; });
        for (auto& b : m.reasoning_blocks)
            if (server_of(b)) b.get_object().erase("server");
        for (auto& c : m.tool_calls)
            if (!c.signed_by.empty() && c.signed_by != server) c.signature.clear();
    }
    return own;
}

}  // namespace reagent::provider
