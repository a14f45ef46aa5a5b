#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace reagent::detail {

/// The SHA-256 of texts that are added one by one, as one text; its first 24 hexadecimal digits. One that is kept and
/// begun anew is much cheaper than a new one for each short text: OpenSSL looks for the algorithm by its name.
class digest {
public:
    digest() : context_{EVP_MD_CTX_new(), &EVP_MD_CTX_free} {
        check(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    }

    void begin() { check(EVP_DigestInit_ex(context_.get(), nullptr, nullptr) == 1); }
    /// As if what was added to the other one had been added here.
    void begin(const digest& other) { check(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1); }
    void add(std::string_view text) { check(EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1); }

    std::string end() {
        unsigned char bytes[EVP_MAX_MD_SIZE];
        check(EVP_DigestFinal_ex(context_.get(), bytes, nullptr) == 1);
        std::string hex(24, '0');
        for (std::size_t i = 0; i < 12; ++i) {
            hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
            hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
        }
        return hex;
    }

private:
    static void check(bool good) {
        if (!good) throw std::runtime_error{"OpenSSL has no SHA-256"};
    }

    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace reagent::detail
