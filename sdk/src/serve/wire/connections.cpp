#include "connection.hpp"

namespace reagent {

void departure::on_leave(std::function<void()> tell) {
    tell_ = std::move(tell);
    if (left_ && tell_) std::exchange(tell_, {})();
}

void departure::leave() {
    left_ = true;
    if (auto tell = std::exchange(tell_, {})) tell();
}

namespace detail {

bool connections::make_room() {
    if (all.size() < limits.connections) return true;
    for (auto* c : all)
        if (c->waits()) {
            c->close();
            return true;
        }
    return false;
}

void connections::close_waiting() {
    for (auto* c : all)
        if (c->waits()) c->close();
}

void connections::close_all() {
    for (auto* c : all) c->close();
}

void connections::sweep(clock::time_point now) {
    for (auto i = all.begin(); i != all.end();) (*i++)->sweep(now);
}

}  // namespace detail
}  // namespace reagent
