#include "postgres_proxy.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace reagent::test {
namespace {

class descriptor {
public:
    explicit descriptor(int fd = -1) : fd_{fd} {}
    descriptor(descriptor&& o) noexcept : fd_{std::exchange(o.fd_, -1)} {}
    descriptor& operator=(descriptor&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~descriptor() { close(); }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    int get() const { return fd_; }

private:
    int fd_;
};

sockaddr_un address_in(const std::string& folder) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::string path = folder + "/.s.PGSQL.5432";
    if (path.size() >= sizeof a.sun_path) throw std::runtime_error{"the path of the socket is too long: " + path};
    std::memcpy(a.sun_path, path.c_str(), path.size() + 1);
    return a;
}

bool send_all(const descriptor& to, std::string_view bytes) {
    while (!bytes.empty()) {
        auto n = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool receive(const descriptor& from, std::string& into) {
    char bytes[16 * 1024];
    auto n = ::recv(from.get(), bytes, sizeof bytes, 0);
    if (n > 0) into.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
}

// Source: PostgreSQL 15 documentation, section 55.7, "Message Formats": a type (but for the very first message), then
// the length.
std::optional<std::string> next_message(std::string& buffer, bool first) {
    std::size_t at = first ? 0 : 1;
    if (buffer.size() < at + 4) return {};
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(buffer[at + i]);
    if (buffer.size() < at + length) return {};
    std::string message = buffer.substr(0, at + length);
    buffer.erase(0, at + length);
    return message;
}

bool is_commit(const std::string& message) {
    return message.size() > 5 && message[0] == 'Q' && message.compare(5, 6, "COMMIT") == 0;
}

void wait_until_ready(const descriptor& server) {
    std::string buffer;
    for (;;) {
        while (auto m = next_message(buffer, false))
            if ((*m)[0] == 'Z') return;
        if (!receive(server, buffer)) return;
    }
}

}  // namespace

struct postgres_proxy::state {
    std::string folder, server_folder;
    descriptor listening;
    std::thread acceptor;
    std::mutex mutex;
    std::list<std::thread> relays;
    bool away = false, ending = false;
    std::uint64_t generation = 0;  // grows with each cut: relays of an older one end
    std::optional<loss> wanted;
    int skip = 0, lost = 0;

    bool is_current(std::uint64_t g) {
        std::lock_guard lock{mutex};
        return g == generation && !ending;
    }

    std::optional<loss> loss_of_commit() {
        std::lock_guard lock{mutex};
        if (!wanted || skip-- > 0) return {};
        ++lost;
        return std::exchange(wanted, {});
    }

    void lose(loss how, const std::string& commit, descriptor& client, descriptor& server) {
        if (how == loss::late) {
            client.close();
            std::this_thread::sleep_for(std::chrono::milliseconds{300});
        }
        if (how == loss::request) return;
        send_all(server, commit);
        wait_until_ready(server);
    }

    void relay(descriptor client, std::uint64_t g) {
        descriptor server{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        auto a = address_in(server_folder);
        if (::connect(server.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) return;
        std::string buffer;
        bool first = true;
        while (is_current(g)) {
            pollfd both[]{{client.get(), POLLIN, 0}, {server.get(), POLLIN, 0}};
            if (::poll(both, 2, 20) < 0) return;
            if (both[0].revents) {
                if (!receive(client, buffer)) return;
                while (auto m = next_message(buffer, first)) {
                    if (!first && is_commit(*m))
                        if (auto how = loss_of_commit()) return lose(*how, *m, client, server);
                    first = false;
                    if (!send_all(server, *m)) return;
                }
            }
            if (both[1].revents) {
                std::string said;
                if (!receive(server, said) || !send_all(client, said)) return;
            }
        }
    }

    void accept() {
        for (;;) {
            pollfd p{listening.get(), POLLIN, 0};
            ::poll(&p, 1, 20);
            std::lock_guard lock{mutex};
            if (ending) return;
            if (!p.revents) continue;
            descriptor client{::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            if (away || client.get() < 0) continue;
            relays.emplace_back([this, g = generation, c = std::move(client)]() mutable { relay(std::move(c), g); });
        }
    }
};

postgres_proxy::postgres_proxy(const std::string& server_folder) : state_{std::make_shared<state>()} {
    auto pattern = (std::filesystem::temp_directory_path() / "reagent-proxy-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error{"no temporary folder"};
    state_->folder = pattern;
    state_->server_folder = server_folder;
    state_->listening = descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto a = address_in(pattern);
    if (::bind(state_->listening.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 ||
        ::listen(state_->listening.get(), 16) != 0)
        throw std::runtime_error{"the proxy cannot listen"};
    state_->acceptor = std::thread{[s = state_.get()] { s->accept(); }};
}

postgres_proxy::~postgres_proxy() {
    {
        std::lock_guard lock{state_->mutex};
        state_->ending = true;
    }
    state_->acceptor.join();
    for (auto& r : state_->relays) r.join();
    std::filesystem::remove_all(state_->folder);
}

std::string postgres_proxy::conninfo(const std::string& user) const {
    return "host=" + state_->folder + " dbname=postgres user=" + user;
}

void postgres_proxy::lose_commit(loss how, int skip) {
    std::lock_guard lock{state_->mutex};
    state_->wanted = how;
    state_->skip = skip;
}

int postgres_proxy::losses() const {
    std::lock_guard lock{state_->mutex};
    return state_->lost;
}

void postgres_proxy::cut() {
    std::lock_guard lock{state_->mutex};
    state_->away = true;
    ++state_->generation;
}

void postgres_proxy::mend() {
    std::lock_guard lock{state_->mutex};
    state_->away = false;
}

}  // namespace reagent::test
