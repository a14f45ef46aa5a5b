#include <reagent/retrieve/embed.hpp>

#include <reagent/module/parallel.hpp>
#include <reagent/retrieve/error.hpp>
#include <reagent/run/run.hpp>

#include "../base/pool.hpp"
#include "../lm/embedding_call.hpp"
#include "word_hashes.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace reagent {
namespace {

constexpr std::size_t default_dimensions = 512, most_dimensions = 65'536;

std::optional<std::size_t> dimensions_of_words(std::string_view name) {
    if (name == "words") return default_dimensions;
    if (!name.starts_with("words-")) return std::nullopt;
    std::size_t n = 0;
    const auto digits = name.substr(6);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (ec != std::errc{} || end != digits.data() + digits.size() || n < 16 || n > most_dimensions)
        throw retrieve_error{
            retrieve_errc::bad_options,
            "\"" + std::string{name} + "\" makes no vectors: words-16 to words-65536 do, as words-1024"};
    return n;
}

language_model around(language_model model, const vector_options& o) {
    return cached(retrying(std::move(model), o.retry), {.file = o.cache_file});
}

void read_vectors(const std::string& text, std::size_t begin, std::size_t end, std::vector<std::vector<float>>& to) {
    boost::system::error_code ec;
    auto rows = detail::vectors_in(json::parse(text, ec), end - begin);
    std::move(rows.begin(), rows.end(), to.begin() + static_cast<std::ptrdiff_t>(begin));
}

void check_lengths(const std::vector<std::vector<float>>& vectors, const std::string& name) {
    for (const auto& v : vectors)
        if (v.size() != vectors.front().size())
            throw retrieve_error{retrieve_errc::wrong_model, "\"" + name + "\" gives vectors of different lengths: " +
                                                                 std::to_string(vectors.front().size()) + " and " +
                                                                 std::to_string(v.size())};
}

}  // namespace

struct vector_source::impl {
    std::string name;
    std::size_t words = 0;  // dimensions; 0: there is a model
    vector_options options;
    language_model document_model{}, query_model{};

    const language_model& model(embedding_use use) const {
        return use == embedding_use::query ? query_model : document_model;
    }

    void check_sizes(const std::vector<std::string>& texts) const {
        for (const auto& t : texts)
            if (t.size() > options.max_text_bytes)
                throw retrieve_error{retrieve_errc::too_large,
                                     "a text of " + std::to_string(t.size()) + " bytes would be cut off by \"" + name +
                                         "\": at most " + std::to_string(options.max_text_bytes) +
                                         " are embedded (vector_options::max_text_bytes)"};
    }
};

namespace {

// Without a model it is work for the processor: of many or long texts too long for a run's thread.
std::function<json::value()> hashing(std::size_t dimensions, std::vector<std::string> texts,
                                     std::shared_ptr<text_vectors> to) {
    return [dimensions, texts = std::move(texts), to = std::move(to)] {
        for (const auto& t : texts) to->vectors.push_back(detail::vector_of_words(t, dimensions));
        return json::value(nullptr);
    };
}

}  // namespace

vector_source::vector_source(std::string_view name, vector_options options) {
    auto made = std::make_shared<impl>();
    made->options = std::move(options);
    made->options.model.batch = std::max<std::size_t>(1, made->options.model.batch);
    made->options.concurrency = std::max(1u, made->options.concurrency);
    if (const auto words = dimensions_of_words(name)) {
        made->words = *words;
        made->name = "words-" + std::to_string(*words);
    } else {
        const embedder with{name, made->options.model};
        made->name = with.name();
        made->document_model = around(with.as_model(embedding_use::document), made->options);
        made->query_model = around(with.as_model(embedding_use::query), made->options);
    }
    impl_ = std::move(made);
}

const std::string& vector_source::name() const { return impl_->name; }
bool vector_source::is_of_words() const { return impl_->words > 0; }

task<text_vectors> vector_source::embed(run& r, std::string path, std::vector<std::string> texts,
                                        embedding_use use) const {
    const auto self = impl_;
    if (self->words) {
        auto hashed = std::make_shared<text_vectors>();
        auto work = hashing(self->words, std::move(texts), hashed);
        co_await r.blocking(std::move(work));
        co_return std::move(*hashed);
    }
    self->check_sizes(texts);
    text_vectors made;
    made.vectors.resize(texts.size());
    for (std::size_t at = 0; at < texts.size();) {
        const std::size_t end = std::min(texts.size(), at + self->options.model.batch);
        auto request = detail::request_for_vectors(std::span{texts}.subspan(at, end - at));
        const auto response = co_await r.call_model(path, self->model(use), std::move(request));
        read_vectors(response->text, at, end, made.vectors);
        made.usage += response->usage;
        at = end;
    }
    check_lengths(made.vectors, self->name);
    co_return made;
}

task<text_vectors> vector_source::embed(lm_context context, std::vector<std::string> texts, embedding_use use,
                                        std::function<void(std::size_t)> done) const {
    const auto self = impl_;
    if (self->words) {
        auto hashed = std::make_shared<text_vectors>();
        auto work = hashing(self->words, std::move(texts), hashed);
        co_await on_pool<json::value>(context.blocking, std::move(work));
        co_return std::move(*hashed);
    }
    self->check_sizes(texts);
    if (texts.empty()) co_return text_vectors{};
    text_vectors made;
    made.vectors.resize(texts.size());
    std::size_t next = 0, finished = 0;
    auto worker = [&]() -> task<void> {
        while (next < texts.size()) {
            const std::size_t at = next, end = std::min(texts.size(), at + self->options.model.batch);
            next = end;
            const auto request = detail::request_for_vectors(std::span{texts}.subspan(at, end - at));
            const auto response = co_await self->model(use).backend()->complete(context, request);
            read_vectors(response.text, at, end, made.vectors);
            made.usage += response.usage;
            finished += end - at;
            if (done) done(finished);
        }
    };
    std::vector<task<void>> workers;
    for (unsigned i = 0; i < self->options.concurrency; ++i) workers.push_back(worker());
    if (const auto failure = co_await detail::all_or_first_failure(std::move(workers))) std::rethrow_exception(failure);
    check_lengths(made.vectors, self->name);
    co_return made;
}

}  // namespace reagent
