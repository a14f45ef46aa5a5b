#include "protocol.hpp"

#include <reagent/http/shown_url.hpp>

#include "../../base/digest.hpp"

namespace reagent::provider {

// Addresses and variables are those of the providers' own documentation and clients.
const std::vector<facts>& all() {
    static const std::vector<facts> list{
        {"openai",
         "https://api.openai.com/v1",
         {"OPENAI_API_KEY"},
         {"OPENAI_BASE_URL", "OPENAI_API_BASE"},
         &openai_chat()},
        {"openai-responses",
         "https://api.openai.com/v1",
         {"OPENAI_API_KEY"},
         {"OPENAI_BASE_URL", "OPENAI_API_BASE"},
         &openai_responses()},
        {"anthropic", "https://api.anthropic.com", {"ANTHROPIC_API_KEY"}, {"ANTHROPIC_BASE_URL"}, &anthropic()},
        {"gemini",
         "https://generativelanguage.googleapis.com/v1beta",
         {"GEMINI_API_KEY", "GOOGLE_API_KEY"},
         {"GOOGLE_GEMINI_BASE_URL"},
         &gemini()},
        {"cohere", "https://api.cohere.com", {"CO_API_KEY", "COHERE_API_KEY"}, {"CO_API_URL"}, &cohere()},
        {"groq", "https://api.groq.com/openai/v1", {"GROQ_API_KEY"}, {}, &openai_chat()},
        {"together", "https://api.together.xyz/v1", {"TOGETHER_API_KEY"}, {}, &openai_chat()},
        {"mistral", "https://api.mistral.ai/v1", {"MISTRAL_API_KEY"}, {}, &openai_chat()},
        {"deepseek", "https://api.deepseek.com/v1", {"DEEPSEEK_API_KEY"}, {}, &openai_chat()},
        {"openrouter", "https://openrouter.ai/api/v1", {"OPENROUTER_API_KEY"}, {}, &openai_chat()},
        {"ollama", "http://127.0.0.1:11434", {}, {"OLLAMA_HOST"}, &ollama()},
        {"llamacpp", "http://127.0.0.1:8080/v1", {}, {}, &openai_chat()},
        {"vllm", "http://127.0.0.1:8000/v1", {}, {}, &openai_chat()},
        {"lmstudio", "http://127.0.0.1:1234/v1", {}, {}, &openai_chat()},
    };
    return list;
}

std::string server_name(const facts& of, const std::string& api_base) {
    return api_base.empty() || api_base == of.api_base ? std::string{of.name} : http::shown_url(api_base);
}

std::string digest_of_hidden(const std::string& api_base) {
    if (http::shown_url(api_base) == api_base) return {};
    detail::digest d;
    d.add(api_base);
    return d.end();
}

}  // namespace reagent::provider
