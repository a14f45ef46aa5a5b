#pragma once

#include <reagent/lm/language_model.hpp>

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// A text as a journal keeps it: what is new in it, and where the rest stands in an earlier text. Immutable, cheap to
/// copy, thread-safe. An agent's prompts and trajectories grow by a step at a time; so a run takes memory for what was
/// said and not for its square.
class recorded_text {
public:
    /// Bytes of the earlier text, or, where `bytes` is 0, a text of its own. Never cuts a UTF-8 character.
    struct piece {
        std::size_t from = 0, bytes = 0;
        std::string text{};
    };

    recorded_text() = default;  ///< empty
    recorded_text(std::string whole);
    recorded_text(const char* whole) : recorded_text(std::string{whole}) {}
    /// What is new in `whole`; all of it where too little is the same. @param earlier_text `earlier.str()`
    static recorded_text after(const recorded_text& earlier, std::string_view earlier_text, std::string_view whole);
    /// @param earlier the text to which the pieces refer; null: one that is not known here
    /// @throws run_error(bad_journal) when a piece lies outside of it, or pieces overlap or go back
    static recorded_text made_of(const recorded_text* earlier, std::vector<piece> pieces, std::string earlier_key = {});
    recorded_text followed_by(std::string more) const;  ///< with a key
    recorded_text with_key() const;                     ///< the same text, with a key

    /// All of it. @throws run_error(bad_journal) when the earlier text is not known here
    std::string str() const;
    std::size_t size() const;
    bool empty() const { return size() == 0; }
    std::size_t kept_bytes() const;  ///< memory of what is new
    bool is(std::string_view whole, std::string_view earlier_text) const;

    bool continues() const;           ///< an earlier text
    std::string earlier_key() const;  ///< of that
    const std::vector<piece>& pieces() const;
    /// Names the text among those of its run: a digest of its pieces and of the earlier text's key. "": it was given
    /// none.
    std::string key() const;
    bool has_key() const;  ///< the digest is made when it is first asked for

    friend bool operator==(const recorded_text& a, const recorded_text& b) {
        return a.node_ == b.node_ || a.str() == b.str();
    }

private:
    struct node;
    explicit recorded_text(std::shared_ptr<const node> n) : node_{std::move(n)} {}
    std::shared_ptr<const node> node_;
};

/// Names a sequence of texts by what the sequence before it was named and what is added: 24 hexadecimal digits of a
/// SHA-256.
std::string chained_digest(std::string_view before, std::string_view more);

/// A request as a journal keeps it: messages of an earlier request by reference, and those that are new. Immutable,
/// thread-safe.
class recorded_request {
public:
    /// Messages of the earlier request; or, where `count` is 0, one of its own.
    struct part {
        std::size_t from = 0, count = 0;
        message own{};                 ///< without content
        recorded_text content{};       ///< of `own`
        std::size_t continues = npos;  ///< the message of the earlier request whose content `content` continues
    };
    static constexpr std::size_t npos = SIZE_MAX;

    /// @param effect the event's id
    explicit recorded_request(const lm_request& whole, std::uint64_t effect = 0);
    recorded_request(const lm_request& whole, std::uint64_t effect, std::shared_ptr<const recorded_request> earlier,
                     const lm_request& earlier_whole);
    ~recorded_request();
    recorded_request(const recorded_request&) = delete;

    /// All of it; takes time in proportion to its size and to how many requests came before it.
    /// @throws run_error(bad_journal) when the earlier request is not known here
    lm_request whole() const;
    /// Whether the model would see the same. @param earlier_whole of `earlier()`, or null
    bool is(const lm_request& now, const lm_request* earlier_whole) const;

    std::uint64_t effect() const { return effect_; }
    std::uint64_t earlier_effect() const { return earlier_effect_; }  ///< whose request this one continues; 0: none
    const std::shared_ptr<const recorded_request>& earlier() const { return earlier_; }
    bool is_known() const { return !earlier_effect_ || earlier_; }
    std::size_t messages() const { return count_; }
    const lm_request& frame() const;  ///< all but the messages. @throws as `whole`
    std::size_t kept_bytes() const;
    const std::vector<part>& parts() const { return parts_; }

    json::object to_json() const;
    /// The same with an earlier request that was not known. @throws run_error(bad_journal) when it is not the one that
    /// is meant
    std::shared_ptr<const recorded_request> after(std::shared_ptr<const recorded_request> earlier) const;

    /// What a reader of a journal knows of earlier records.
    struct known {
        virtual ~known() = default;
        virtual std::shared_ptr<const recorded_request> request(std::uint64_t effect) const = 0;
    };
    /// @param k null: references stay as they are. @throws run_error(bad_journal), lm_error(malformed_response)
    static std::shared_ptr<const recorded_request> from_json(const json::value& v, std::uint64_t effect,
                                                             const known* k);

private:
    recorded_request() = default;
    void connect(std::shared_ptr<const recorded_request> earlier);
    const recorded_text& content_of(std::size_t message) const;

    std::vector<part> parts_;
    std::shared_ptr<const lm_request>
        frame_;  // all but the messages; shared with the earlier request where it is the same
    mutable std::shared_ptr<const recorded_request> earlier_;
    std::uint64_t effect_ = 0, earlier_effect_ = 0;
    std::size_t count_ = 0;
};

}  // namespace reagent
