#pragma once

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace reagent::test {

/// A temporary folder, gone with the object.
struct folder {
    std::filesystem::path path;

    folder() {
        auto pattern = (std::filesystem::temp_directory_path() / "reagent-test-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~folder() { std::filesystem::remove_all(path); }
    folder(const folder&) = delete;

    /// @return the file's path
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        std::ofstream{path / name, std::ios::binary} << text;
        return path / name;
    }
    std::string read(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream{path / name, std::ios::binary}.rdbuf();
        return text.str();
    }
};

}  // namespace reagent::test
