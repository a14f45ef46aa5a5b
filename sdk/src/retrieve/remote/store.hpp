#pragma once

#include <reagent/http/client.hpp>
#include <reagent/retrieve/passage_store.hpp>
#include <reagent/run/run.hpp>
#include <reagent/secret.hpp>

#include <boost/json.hpp>

#include <functional>

namespace reagent {

struct stored_passage {
    reagent::passage passage;
    std::vector<float> vector;
};

/// What stores on a server share: vectors are made and checked, batches cut, and what the server found is filtered
/// again.
class remote_store : public passage_store {
public:
    explicit remote_store(store_options options);

    task<std::vector<passage>> retrieve(run& r, retrieval what) const final;
    task<void> put(run& r, std::vector<passage> passages, std::vector<std::vector<float>> vectors) const final;
    task<void> remove(run& r, std::vector<std::string> ids) const final;

protected:
    const store_options& options() const { return options_; }

    /// The nearest `n` that the server's filter lets through, which lets all through that fit `where`; fewer: there are
    /// no more.
    virtual task<std::vector<passage>> nearest(run& r, std::vector<float> query, std::size_t n, filter where) const = 0;
    /// Before the first batch of a `put`: the collection is there, and is for such vectors.
    virtual task<void> prepare(run& r, std::size_t dimensions) const = 0;
    virtual task<void> put_batch(run& r, std::vector<stored_passage> batch) const = 0;
    virtual task<void> remove_batch(run& r, std::vector<std::string> ids) const = 0;

    [[noreturn]] void fail(retrieve_errc code, const std::string& why) const;
    void check_model(const std::string& stored) const;  ///< @throws wrong_model
    void check_dimensions(std::size_t stored, std::size_t given) const;
    /// That a collection ranks by a similarity, of which more is better. @param known the server's words for those
    /// @throws wrong_model
    void check_distance(const json::value& stored, std::initializer_list<std::string_view> known) const;

private:
    store_options options_;
};

/// The condition in negation normal form, where what `can` does not translate holds always: never less than the
/// condition. A negation stands before comparisons only.
/// @param can a comparison, and whether it is negated
filter superset(const filter& f, const std::function<bool(const filter& comparison, bool negated)>& can);
filter never();
bool holds_never(const filter& f);

/// A JSON API of a server.
class json_server {
public:
    json_server(std::string name, std::string url, http::header_list credentials, std::chrono::milliseconds timeout);

    struct answer {
        int status = 0;
        json::value body{};
        bool ok() const { return status >= 200 && status < 300; }
    };
    /// Every request may be sent again. @throws retrieve_error(server) for no answer, or none in JSON
    task<answer> call(run& r, std::string method, std::string target, json::value body = nullptr) const;

    [[noreturn]] void refuse(const answer& a, const std::string& what) const;
    /// A member of an answer. @throws retrieve_error(server) where it is not there
    const json::value& member(const json::value& of, std::string_view name) const;
    /// A whole number from 0 on. @throws retrieve_error(server) for anything else
    std::uint64_t count(const json::value& v, const std::string& what) const;
    [[noreturn]] void nonsense(const std::string& what) const;

private:
    std::string name_, url_;
    http::header_list credentials_;
    std::vector<secret> keys_;  // not shown where a server says them again
    std::chrono::milliseconds timeout_;
};

std::string percent_encoded(std::string_view text);  ///< for one segment of a path

}  // namespace reagent
