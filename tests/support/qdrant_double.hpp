#pragma once

#include "loopback_server.hpp"

#include <boost/json.hpp>

#include <map>
#include <memory>
#include <mutex>

namespace reagent::test {

/// What is known of the requests that `qdrant` makes, in memory on loopback. It refuses what the description does
/// not have: other members, ids that are no UUID, conditions of another form. There is no real Qdrant among the
/// packages.
class qdrant_double {
public:
    qdrant_double();
    std::string url() const { return server_.url(""); }

private:
    struct point {
        std::vector<double> vector;
        boost::json::object payload;
    };
    struct collection {
        std::size_t size = 0;
        bool cosine = true;
        std::map<std::string, point> points;
    };

    server_response handle(const server_request& q);
    boost::json::value answer(const std::string& method, const std::string& rest, collection& c,
                              const boost::json::value& body);
    boost::json::value query(const collection& c, const boost::json::object& body) const;
    void upsert(collection& c, const boost::json::object& body) const;

    std::mutex mutex_;
    std::map<std::string, collection> collections_;
    loopback_server server_;
};

}  // namespace reagent::test
