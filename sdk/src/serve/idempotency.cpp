#include "idempotency.hpp"

namespace reagent::detail {

void kept_answers::erase(list::iterator e) {
    bytes_ -= e->bytes;
    by_key_.erase(e->key);
    all_.erase(e);
}

kept_answers::found kept_answers::begin(const std::string& key, const std::string& request, clock::time_point now) {
    if (auto there = by_key_.find(key); there != by_key_.end()) {
        auto& e = *there->second;
        if (!e.reply || now < e.until) {
            if (e.request != request) return {state::other_request};
            return e.reply ? found{state::answered, &*e.reply} : found{state::under_way};
        }
        erase(there->second);
    }
    by_key_[key] = all_.insert(all_.end(), {key, request});
    return {state::fresh};
}

void kept_answers::keep(const std::string& key, const http_reply& reply, clock::time_point now) {
    auto there = by_key_.find(key);
    if (there == by_key_.end()) return;
    auto& e = *there->second;
    e.reply = reply;
    e.until = later(now, time_);
    e.bytes = key.size() + reply.body.size() + 512;
    bytes_ += e.bytes;
    for (auto i = all_.begin(); i != all_.end() && (by_key_.size() > most_ || bytes_ > most_bytes);) {
        auto next = std::next(i);
        if (i->reply) erase(i);
        i = next;
    }
}

void kept_answers::forget(const std::string& key) {
    if (auto there = by_key_.find(key); there != by_key_.end()) erase(there->second);
}

}  // namespace reagent::detail
