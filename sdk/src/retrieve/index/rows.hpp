#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace reagent::detail {

/// Vectors of one length in a file, one after the other: row `i` is that of document `i + 1`. Only ever appended to, so
/// that readers keep what they have mapped.
class mapped_rows {
public:
    /// @throws retrieve_error(corrupt) when the file has not as many
    mapped_rows(const std::filesystem::path& file, std::size_t rows, std::size_t dimensions);
    ~mapped_rows();
    mapped_rows(const mapped_rows&) = delete;
    mapped_rows& operator=(const mapped_rows&) = delete;

    const float* row(std::size_t i) const { return base_ + i * dimensions_; }
    std::size_t rows() const { return rows_; }
    std::size_t dimensions() const { return dimensions_; }
    std::uint32_t checksum() const;  ///< crc32 of all

private:
    const float* base_ = nullptr;
    std::size_t rows_, dimensions_, bytes_;
};

/// Appends rows behind the first `rows` ones of a file; what an interrupted writer left behind them is overwritten.
class row_appender {
public:
    row_appender(const std::filesystem::path& file, std::size_t rows, std::size_t dimensions, std::uint32_t checksum);
    ~row_appender();
    row_appender(const row_appender&) = delete;
    row_appender& operator=(const row_appender&) = delete;

    void append(const std::vector<float>& row);
    void sync();  ///< everything is on the disk
    std::size_t rows() const { return rows_; }
    std::uint32_t checksum() const { return checksum_; }

private:
    void flush();

    int fd_ = -1;
    std::filesystem::path file_;
    std::size_t rows_, dimensions_;
    std::uint64_t written_;
    std::uint32_t checksum_;
    std::vector<float> waiting_;
};

/// crc32 of a whole file. @throws retrieve_error(unwritable)
std::uint32_t checksum_of_file(const std::filesystem::path& file);
void sync_file(const std::filesystem::path& file);

}  // namespace reagent::detail
