#include <reagent/module/nearest_demos.hpp>

#include <reagent/error.hpp>
#include <reagent/run/run.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/vectors.hpp"
#include "../lm/embedding_call.hpp"
#include "word_vectors.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

namespace reagent {

namespace {

// Earlier versions' journals have a call of a tool there, and nothing of what it used.
task<json::value> embedded_as_tool(run& r, std::string path, std::string model, const std::vector<std::string>& texts) {
    json::array asked;
    for (const auto& t : texts) asked.emplace_back(t);
    json::value arguments = json::object{{"model", std::move(model)}, {"texts", std::move(asked)}};
    std::function<task<json::value>()> effect = []() -> task<json::value> {
        throw run_error{run_errc::replay_mismatch, "the journal has no vectors there"};
        co_return nullptr;
    };
    co_return co_await r.call_tool(std::move(path), "embed", std::move(arguments), std::move(effect));
}

}  // namespace

task<std::vector<std::vector<float>>> embed_texts(run& r, std::string path, const embedder& with,
                                                  std::vector<std::string> texts, embedding_use use) {
    auto request = detail::request_for_vectors(texts);
    std::shared_ptr<const lm_response> response;
    std::exception_ptr mismatch;
    try {
        response = co_await r.call_model(path + ".embed", with.as_model(use), std::move(request));
    } catch (const run_error& e) {
        if (e.code() != run_errc::replay_mismatch) throw;
        mismatch = std::current_exception();
    }
    if (response) co_return detail::vectors_in(parse_json(response->text).value_or(nullptr), texts.size());
    json::value known;
    try {
        known = co_await embedded_as_tool(r, path, with.name(), texts);
    } catch (const std::exception&) {
        std::rethrow_exception(mismatch);
    }
    co_return detail::vectors_in(known, texts.size());
}

std::string compared_text(const json::object& values, const std::vector<std::string>& inputs) {
    std::string text;
    for (const auto& name : inputs)
        if (const auto* v = values.if_contains(name))
            text += (text.empty() ? "" : "\n") + (v->is_structured() ? dump_json(*v) : python_str(*v));
    return text;
}

namespace {

constexpr std::size_t most_pool = 100'000;

std::vector<std::string> names_of(const json::object& inputs) {
    std::vector<std::string> names;
    for (const auto& [name, v] : inputs) names.emplace_back(name);
    return names;
}

class nearest final : public demo_selector {
public:
    nearest(std::vector<json::object> pool, std::size_t k, std::shared_ptr<const reagent::embedder> e,
            std::vector<std::vector<float>> vectors)
        : pool_{std::move(pool)}, k_{k}, embedder_{std::move(e)}, vectors_{std::move(vectors)} {
        if (embedder_ && vectors_.size() != pool_.size())
            throw program_error{program_errc::mismatch, "there are " + std::to_string(pool_.size()) +
                                                            " demonstrations to choose from and " +
                                                            std::to_string(vectors_.size()) + " vectors of them"};
    }

    task<std::vector<json::object>> select(run& r, const std::string& path, const json::object& inputs) const override {
        std::vector<double> near;
        if (embedder_)
            near = co_await by_vectors(r, path, inputs);
        else
            near = by_words(inputs);
        detail::nearest_of<double> best{k_};
        for (std::size_t i = 0; i < near.size(); ++i) best.offer({near[i], static_cast<std::uint32_t>(i)});
        std::vector<json::object> chosen;
        for (const auto& one : best.take()) chosen.push_back(pool_[one.row]);
        std::reverse(chosen.begin(), chosen.end());
        co_return chosen;
    }

    json::object to_json() const override {
        json::array all;
        for (const auto& d : pool_) all.push_back(d);
        json::object o{{"k", k_}, {"pool", std::move(all)}};
        if (!embedder_) return o;
        o["embedder"] = embedder_->name();
        json::array rows;
        for (const auto& v : vectors_) {
            json::array row;
            for (float f : v) row.emplace_back(std::round(static_cast<double>(f) * 1e6) / 1e6);
            rows.push_back(std::move(row));
        }
        o["vectors"] = std::move(rows);
        return o;
    }

private:
    // By the names of the inputs: made at the first call, and the same for all that follow.
    const word_vectors& words_for(const std::vector<std::string>& names) const {
        std::string key;
        for (const auto& name : names) key += name + "\n";
        std::lock_guard lock{mutex_};
        auto& made = words_[key];
        if (!made) {
            std::vector<std::string> texts;
            for (const auto& d : pool_) texts.push_back(compared_text(d, names));
            made = std::make_unique<const word_vectors>(texts);
        }
        return *made;
    }

    std::vector<double> by_words(const json::object& inputs) const {
        const auto names = names_of(inputs);
        const auto& known = words_for(names);
        const auto asked = known.of(compared_text(inputs, names));
        std::vector<double> near;
        for (std::size_t i = 0; i < known.size(); ++i) near.push_back(word_vectors::cosine(known.at(i), asked));
        return near;
    }

    task<std::vector<double>> by_vectors(run& r, const std::string& path, const json::object& inputs) const {
        std::vector<std::string> question;
        question.push_back(compared_text(inputs, names_of(inputs)));
        auto asked = co_await embed_texts(r, path, *embedder_, std::move(question), embedding_use::query);
        std::vector<double> near;
        for (const auto& v : vectors_) near.push_back(detail::cosine(v, asked.at(0)));
        co_return near;
    }

    std::vector<json::object> pool_;
    std::size_t k_;
    std::shared_ptr<const reagent::embedder> embedder_;
    std::vector<std::vector<float>> vectors_;
    mutable std::mutex mutex_;  // guards what is made at first use
    mutable std::map<std::string, std::unique_ptr<const word_vectors>> words_;
};

}  // namespace

std::shared_ptr<const demo_selector> nearest_demos(std::vector<json::object> pool, std::size_t k,
                                                   std::shared_ptr<const reagent::embedder> embedder,
                                                   std::vector<std::vector<float>> vectors) {
    return std::make_shared<const nearest>(std::move(pool), k, std::move(embedder), std::move(vectors));
}

std::shared_ptr<const demo_selector> demo_selector_from(const json::value& document, const std::string& path) {
    auto bad = [&](const std::string& where, const std::string& why) {
        return program_error{
            program_errc::bad_document, "saved program: " + path + where + ": " + why, {.path = path + where}};
    };
    if (!document.is_object()) throw bad("", "expected an object");
    const auto& o = document.get_object();
    const auto *k = o.if_contains("k"), *pool = o.if_contains("pool"), *vectors = o.if_contains("vectors"),
               *name = o.if_contains("embedder");
    if (!k || !(k->is_int64() || k->is_uint64()) || k->to_number<std::int64_t>() < 0)
        throw bad(".k", "expected a number of demonstrations");
    if (!pool || !pool->is_array()) throw bad(".pool", "expected a list");
    if (pool->get_array().size() > most_pool)
        throw bad(".pool", "more than " + std::to_string(most_pool) + " demonstrations");
    std::vector<json::object> demos;
    for (const auto& d : pool->get_array()) {
        if (!d.is_object()) throw bad(".pool[" + std::to_string(demos.size()) + "]", "expected an object");
        demos.push_back(d.get_object());
    }
    std::vector<std::vector<float>> rows;
    if (vectors) {
        if (!vectors->is_array()) throw bad(".vectors", "expected a list");
        for (const auto& row : vectors->get_array()) {
            auto& v = rows.emplace_back();
            if (!row.is_array())
                throw bad(".vectors[" + std::to_string(rows.size() - 1) + "]", "expected a list of numbers");
            for (const auto& f : row.get_array()) {
                if (!f.is_number())
                    throw bad(".vectors[" + std::to_string(rows.size() - 1) + "]", "expected a list of numbers");
                v.push_back(f.to_number<float>());
            }
        }
    }
    std::shared_ptr<const embedder> e;
    if (name) {
        if (!name->is_string()) throw bad(".embedder", "expected a model's name");
        e = std::make_shared<const embedder>(std::string{name->get_string()});
    }
    return nearest_demos(std::move(demos), k->to_number<std::size_t>(), std::move(e), std::move(rows));
}

}  // namespace reagent
