#include <reagent/lm/answer_log.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/pool.hpp"
#include "../base/private_file.hpp"
#include "decorators/common.hpp"
#include "decorators/spending.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

namespace reagent {
namespace {

constexpr std::size_t digest_bytes = 32, most_line_bytes = 64 * 1024 * 1024;

std::string hex(std::string_view bytes) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    for (unsigned char b : bytes) text += digits[b >> 4], text += digits[b & 15];
    return text;
}

std::string from_hex(std::string_view text) {
    auto value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        int high = value(text[i]), low = value(text[i + 1]);
        if (high < 0 || low < 0) return {};
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

}  // namespace

struct answer_log::impl : std::enable_shared_from_this<impl> {
    struct place {
        std::uint64_t offset = 0;
        std::uint32_t bytes = 0;
        bool counted = false;
    };

    impl(const std::filesystem::path& file, spending_limit l)
        : spent{std::make_shared<decorators::spending>(l)}, path{file} {
        if (file.empty()) {
            auto pattern = (std::filesystem::temp_directory_path() / "reagent-answers-XXXXXX").string();
            fd = ::mkostemp(pattern.data(), O_CLOEXEC);
            if (fd < 0) throw cannot("made in the temporary folder", std::strerror(errno));
            ::unlink(pattern.c_str());
            return;
        }
        fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, detail::owners_only);
        if (fd < 0) throw cannot("opened", std::strerror(errno));
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            ::close(fd);
            throw cannot("used", "another process is at work with it; wait for it, or choose another folder");
        }
        read_all();
    }
    ~impl() { ::close(fd); }

    program_error cannot(const std::string& what, const std::string& why) const {
        return program_error{program_errc::unwritable,
                             "the answers file \"" + path.string() + "\" cannot be " + what + ": " + why,
                             {.path = path.string()}};
    }

    // Whole lines only: what the crash tore off is cut away.
    void read_all() {
        std::string pending, block(1 << 20, '\0');
        std::uint64_t line_at = 0, read = 0;
        for (;;) {
            auto n = ::pread(fd, block.data(), block.size(), static_cast<off_t>(read));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) throw cannot("read", std::strerror(errno));
            if (n == 0) break;
            read += static_cast<std::uint64_t>(n);
            pending.append(block, 0, static_cast<std::size_t>(n));
            std::size_t begin = 0;
            for (std::size_t end; (end = pending.find('\n', begin)) != pending.npos; begin = end + 1) {
                note(std::string_view{pending}.substr(begin, end - begin), line_at);
                line_at += end - begin + 1;
            }
            pending.erase(0, begin);
            if (pending.size() > most_line_bytes) throw cannot("read", "it is no file of answers");
        }
        if (!pending.empty() && ::ftruncate(fd, static_cast<off_t>(line_at)) != 0)
            throw cannot("repaired", std::strerror(errno));
        end = line_at;
    }

    // `{"key":"<hex>","response":...}`: the key is read now, the rest when it is wanted.
    void note(std::string_view line, std::uint64_t offset) {
        constexpr std::string_view head = "{\"key\":\"";
        if (!line.starts_with(head) || line.size() < head.size() + 2 * digest_bytes || line.size() > UINT32_MAX) return;
        auto key = from_hex(line.substr(head.size(), 2 * digest_bytes));
        if (key.size() == digest_bytes)
            places.emplace(key, place{offset, static_cast<std::uint32_t>(line.size()), false});
    }

    std::optional<lm_response> find(const std::string& key) {
        place at;
        {
            std::lock_guard lock{mutex};
            auto found = places.find(key);
            if (found == places.end()) return {};
            at = found->second;
        }
        std::string line(at.bytes, '\0');
        if (::pread(fd, line.data(), line.size(), static_cast<off_t>(at.offset)) != static_cast<ssize_t>(line.size()))
            return {};
        auto parsed = parse_json(line);
        if (!parsed || !parsed->is_object() || !parsed->get_object().contains("response")) return {};
        try {
            return lm_response_from_json(parsed->get_object().at("response"));
        } catch (const lm_error&) {  // of another version: asked again
            return {};
        }
    }

    bool keep(const std::string& key, const lm_response& r) {
        std::string line = "{\"key\":\"" + hex(key) + "\",\"response\":" + json::serialize(to_json(r)) + "}\n";
        std::lock_guard lock{mutex};
        if (closed && broken.empty()) broken = cannot("written", "the work that it belongs to has ended").what();
        if (closed) return false;
        std::size_t done = 0;
        while (done < line.size()) {
            auto n = ::pwrite(fd, line.data() + done, line.size() - done, static_cast<off_t>(end + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                if (broken.empty()) broken = cannot("written", std::strerror(errno)).what();
                if (::ftruncate(fd, static_cast<off_t>(end)) != 0) broken += "; and it cannot be cut back";
                return false;
            }
            done += static_cast<std::size_t>(n);
        }
        places[key] = {end, static_cast<std::uint32_t>(line.size() - 1), true};
        end += line.size();
        return true;
    }

    // Whether this request has been counted.
    bool is_counted(const std::string& key) {
        std::lock_guard lock{mutex};
        auto found = places.find(key);
        return found != places.end() && found->second.counted;
    }
    void count(const std::string& key) {
        std::lock_guard lock{mutex};
        if (auto found = places.find(key); found != places.end()) found->second.counted = true;
    }

    // Nobody writes any more, and another process may. What is still at work on a pool keeps the descriptor, not the
    // lock.
    void let_go() {
        std::lock_guard lock{mutex};
        closed = true;
        ::flock(fd, LOCK_UN);
    }

    std::string why_broken() {
        std::lock_guard lock{mutex};
        return broken;
    }

    std::mutex mutex;
    std::unordered_map<std::string, place> places;
    std::uint64_t end = 0;
    std::shared_ptr<decorators::spending> spent;
    bool closed = false;
    std::string broken;
    std::filesystem::path path;
    int fd = -1;
    std::atomic<std::uint64_t> asked = 0, failed = 0;
    std::map<const lm_backend*, std::pair<language_model, language_model>>
        models;  // what was given (kept alive), what stands around it
};

namespace {

// Stands inside of a memory that answers equal requests once; so a digest comes here again only when that has forgotten
// it.
template <class State>
class logged final : public decorators::around {
public:
    logged(language_model inner, std::shared_ptr<State> s) : around{std::move(inner)}, state_{std::move(s)} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        std::string key = decorators::digest_of(identity(), request);
        // An answer from the file counts too, so that the limit does not depend on who asked.
        std::optional<decorators::spending::claim> mine;
        if (!state_->is_counted(key)) mine.emplace(co_await state_->spent->admit(context.deadline, name(), request));
        auto answered = [&](const lm_response& r) {
            if (!mine) return;
            state_->count(key);
            mine->answered(r);
        };
        std::function<std::optional<lm_response>()> find = [s = state_, key] { return s->find(key); };
        auto known = co_await on_pool<std::optional<lm_response>>(context.blocking, std::move(find));
        if (known) {
            answered(*known);
            co_return std::move(*known);
        }
        ++state_->asked;
        ++state_->failed;
        context.before_retry = [&, outer = context.before_retry] {
            if (outer) outer();
            if (mine) mine->again();
            ++state_->asked;
        };
        lm_response fresh = co_await inner().complete(context, request);
        --state_->failed;
        auto shared = std::make_shared<const lm_response>(fresh);
        std::function<bool()> keep = [s = state_, key, shared] { return s->keep(key, *shared); };
        if (!co_await on_pool<bool>(context.blocking, std::move(keep)))
            throw program_error{program_errc::unwritable, state_->why_broken()};
        answered(fresh);
        co_return fresh;
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        lm_response whole = co_await complete(context, request);
        co_return stream_of(std::move(whole));
    }

private:
    std::shared_ptr<State> state_;
};

}  // namespace

answer_log::answer_log(const std::filesystem::path& file, spending_limit limit)
    : impl_{std::make_shared<impl>(file, limit)} {}
answer_log::~answer_log() {
    auto models = std::exchange(impl_->models, {});  // they hold what holds them
    impl_->let_go();
}

language_model answer_log::around(const language_model& model) {
    if (!model) return model;
    std::lock_guard lock{impl_->mutex};
    auto& known = impl_->models[model.backend()];
    if (!known.second) {
        known.first = model;
        known.second = cached(language_model{std::make_shared<const logged<impl>>(model, impl_)},
                              {.max_memory_bytes = 16 * 1024 * 1024});
        impl_->models[known.second.backend()] = {known.second, known.second};  // around itself it is itself
    }
    return known.second;
}

std::function<language_model(const language_model&)> answer_log::hook() {
    return [this](const language_model& m) { return around(m); };
}

usage answer_log::spent() const { return impl_->spent->spent(); }
std::uint64_t answer_log::asked() const { return impl_->asked; }
std::uint64_t answer_log::failed() const { return impl_->failed; }
std::string answer_log::why_exhausted() const { return impl_->spent->why_exhausted(); }
std::string answer_log::unwritable() const { return impl_->why_broken(); }

}  // namespace reagent
