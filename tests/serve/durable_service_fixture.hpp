#pragma once

#include "service.hpp"

#include "support/folder.hpp"

namespace reagent::test {

/// A desk that refunds what it is asked to, with somebody's consent; and one that only answers, and remembers.
struct durable_desk : module {
    mutable std::mutex mutex;
    mutable std::vector<std::string> refunds;
    tools t;

    durable_desk();
    task<json::object> call(run& r, json::object in) const;
    std::vector<std::string> done() const;
};
served_program served_desk(const durable_desk& d);

/// A server of stored runs, which may be made again on the same store.
struct stored_service {
    explicit stored_service(const std::filesystem::path& file, server_options options = with_desk_keys());
    ~stored_service();

    static server_options with_desk_keys();
    raw_client client() const { return raw_client{on.server.port()}; }
    raw_reply begin(const std::string& body, const std::string& headers = {});
    raw_reply get(const std::string& path, const std::string& headers = {}, const std::string& who = "clerk");
    raw_reply post(const std::string& path, const std::string& body, const std::string& who = "boss",
                   const std::string& headers = {});
    /// The run, once it has that status.
    json::object run_once(const std::string& id, const std::string& status);

    std::shared_ptr<journal_store> store;
    scripted lm;
    predict<sig<"message, history: History -> reply">> chat;
    predict<sig<"message -> reply">> once;
    durable_desk desk;
    service on;
};

/// A header with the key of that name.
std::string as(const std::string& who);

}  // namespace reagent::test
