#include "router.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <stdexcept>

namespace reagent::detail {
namespace {

std::vector<std::string_view> parts_of(std::string_view path) {
    std::vector<std::string_view> parts;
    for (std::size_t at = 1;;) {
        auto end = path.find('/', at);
        parts.push_back(path.substr(at, end - at));
        if (end == path.npos) return parts;
        at = end + 1;
    }
}

bool is_place(std::string_view part) { return part.size() > 2 && part.front() == '{' && part.back() == '}'; }

bool fits(std::string_view pattern, std::string_view path, http_request& r) {
    auto wanted = parts_of(pattern), given = parts_of(path);
    if (wanted.size() != given.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (is_place(wanted[i]) ? given[i].empty() : wanted[i] != given[i]) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (is_place(wanted[i]))
            r.places[std::string{wanted[i].substr(1, wanted[i].size() - 2)}] = std::string{given[i]};
    return true;
}

}  // namespace

std::string router::route::methods() const {
    std::string all;
    for (const auto& [method, handler] : handlers) all += method + (method == "GET" ? ", HEAD, " : ", ");
    return all + "OPTIONS";
}

router::route& router::add(const std::string& method, const std::string& pattern, http_handler handler) {
    if (!pattern.starts_with('/') || pattern.find_first_of("?# \r\n") != pattern.npos)
        throw std::invalid_argument{"\"" + pattern + "\" is no path; write it as \"/classify\""};
    route* r = nullptr;
    if (pattern.find('{') == pattern.npos)
        r = &exact_[pattern];
    else {
        auto same =
            std::find_if(patterns_.begin(), patterns_.end(), [&](const auto& p) { return p->pattern == pattern; });
        r = same != patterns_.end() ? same->get() : patterns_.emplace_back(std::make_unique<route>()).get();
    }
    r->pattern = pattern;
    if (!r->handlers.emplace(method, std::move(handler)).second)
        throw std::invalid_argument{"the path " + pattern + " is taken"};
    return *r;
}

const router::route* router::find(http_request& r) const {
    if (auto found = exact_.find(r.path); found != exact_.end()) return &found->second;
    if (!r.path.starts_with('/')) return nullptr;
    for (const auto& p : patterns_)
        if (fits(p->pattern, r.path, r)) return p.get();
    return nullptr;
}

bool take_target(http_request& r, std::string_view target) {
    auto parsed = boost::urls::parse_origin_form(target);
    if (!parsed) return false;
    r.path = parsed->path();
    for (auto p : parsed->params()) r.query[std::string{p.key}] = std::string{p.value};
    return r.path.find('\0') == r.path.npos;
}

}  // namespace reagent::detail
