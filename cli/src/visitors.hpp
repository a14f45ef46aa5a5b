#pragma once

#include <boost/beast/core/tcp_stream.hpp>

#include <iterator>
#include <list>
#include <memory>
#include <utility>

namespace reagent::cli {

/// The connections of a small server, so that those which say nothing lock nobody out. Belongs to one thread.
class visitors {
    struct visitor {
        boost::beast::tcp_stream* stream;
        bool silent, leaving;
    };
    using list = std::list<visitor>;

public:
    /// One connection's place, as long as it lives. The stream must outlive it.
    class place {
    public:
        place(std::shared_ptr<visitors> of, boost::beast::tcp_stream& stream) : of_{std::move(of)} {
            self_ = of_->all_.insert(of_->all_.end(), {&stream, false, false});
            ++of_->present_;
        }
        ~place() {
            if (!self_->leaving) --of_->present_;
            of_->all_.erase(self_);
        }
        place(const place&) = delete;
        place& operator=(const place&) = delete;

        /// It waits for a request from now on, however much of one comes.
        void waits() {
            self_->silent = true;
            of_->all_.splice(of_->all_.end(), of_->all_,
                             self_);  // those that wait are in the order in which they began
        }
        void is_served() { self_->silent = false; }

    private:
        std::shared_ptr<visitors> of_;
        list::iterator self_;
    };

    /// Closes the connection that has been silent for the longest, where there are `most` already.
    /// @return false when all of them are being served
    bool make_room(std::size_t most) {
        if (present_ < most) return true;
        for (auto& v : all_) {
            if (!v.silent || v.leaving) continue;
            v.leaving = true;
            --present_;
            v.stream->close();  // ends its read, and with that its place
            return true;
        }
        return false;
    }

private:
    list all_;
    std::size_t present_ = 0;
};

}  // namespace reagent::cli
