#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <ctime>

namespace reagent::ready {
namespace {

std::string utc(run& r) {
    auto seconds = std::chrono::system_clock::to_time_t(r.now("current_time"));
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%A, %Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

}  // namespace

tool current_time() {
    return detail::make_tool("current_time", "Returns the current day of the week, date and time in UTC.", utc, {},
                             {.read_only = true, .quick = true, .flow = flow_flags{}});
}

}  // namespace reagent::ready
