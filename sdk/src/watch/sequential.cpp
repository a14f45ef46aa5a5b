#include <reagent/watch/sequential.hpp>

#include <reagent/error.hpp>
#include <reagent/module/saved_program.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

namespace reagent {
namespace {

// Of what may be bet: with all of it one number would take everything.
constexpr std::array<double, 8> fractions{0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9};
constexpr std::size_t most_bettors = 64;
constexpr double most_capital = 1e100;

}  // namespace

fall_test::fall_test(double bound, double level, std::size_t every) : bound_{bound}, level_{level}, every_{every} {
    if (!(bound >= 0 && bound <= 1)) throw std::invalid_argument{"the bound of a mean is from 0 to 1"};
    if (!(level > 0 && level < 1)) throw std::invalid_argument{"a level is above 0 and below 1"};
    if (every == 0) throw std::invalid_argument{"a bettor begins every 1 or more numbers"};
}

double fall_test::bettor::mean() const {
    double sum = 0;
    for (double c : capital) sum += c / static_cast<double>(bets);
    return sum;
}

// The first gets half; the kth after it 1 / (k (k + 1)) of the other half.
void fall_test::begin_one() {
    const double k = static_cast<double>(begun_++);
    bettor b{.share = k == 0 ? 0.5 : 0.5 / (k * (k + 1))};
    b.capital.fill(1);
    waiting_ = std::max(0.0, waiting_ - b.share);
    bettors_.push_back(b);
    if (bettors_.size() <= most_bettors) return;
    auto poorest = std::min_element(bettors_.begin(), bettors_.end() - 1, [](const bettor& x, const bettor& y) {
        return x.share * x.mean() < y.share * y.mean();
    });
    bettors_.erase(poorest);
}

bool fall_test::add(double x) {
    if (count_++ % every_ == 0) begin_one();
    x = std::isfinite(x) ? std::clamp(x, 0.0, 1.0) : 0;
    const double most = bound_ < 1 ? 1 / (1 - bound_) : 100;  // a bound of 1: any number below it is a proof by itself
    for (auto& b : bettors_)
        for (std::size_t i = 0; i < bets; ++i)
            b.capital[i] = std::min(most_capital, b.capital[i] * (1 + fractions[i] * most * (bound_ - x)));
    alarm_ = alarm_ || evidence() >= 1 / level_;
    return alarm_;
}

double fall_test::evidence() const {
    double sum = waiting_;
    for (const auto& b : bettors_) sum += b.share * b.mean();
    return sum;
}

json::object fall_test::to_json() const {
    json::array all;
    for (const auto& b : bettors_) {
        json::array one{b.share};
        for (double c : b.capital) one.emplace_back(c);
        all.push_back(std::move(one));
    }
    return {{"bound", bound_}, {"level", level_},     {"every", every_}, {"count", count_},
            {"begun", begun_}, {"waiting", waiting_}, {"alarm", alarm_}, {"bettors", std::move(all)}};
}

fall_test fall_test::from_json(const json::value& v) {
    try {
        const auto& o = v.as_object();
        fall_test t{o.at("bound").to_number<double>(), o.at("level").to_number<double>(),
                    o.at("every").to_number<std::size_t>()};
        t.count_ = o.at("count").to_number<std::size_t>();
        t.begun_ = o.at("begun").to_number<std::size_t>();
        t.waiting_ = o.at("waiting").to_number<double>();
        t.alarm_ = o.at("alarm").as_bool();
        for (const auto& one : o.at("bettors").as_array()) {
            bettor b{.share = one.at(0).to_number<double>()};
            for (std::size_t i = 0; i < bets; ++i) b.capital[i] = one.at(i + 1).to_number<double>();
            t.bettors_.push_back(b);
        }
        if (t.bettors_.size() > most_bettors) throw std::out_of_range{"too many bettors"};
        return t;
    } catch (const std::exception& e) {
        throw program_error{program_errc::bad_document, std::string{"this is no state of a fall_test: "} + e.what()};
    }
}

std::optional<std::size_t> promised_samples(double bound, double now, double level, std::size_t most) {
    constexpr std::size_t streams = 200;
    std::vector<std::size_t> needed;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        fall_test t{bound, level};
        std::size_t n = 0;
        while (n < most && !t.alarm()) {
            ++n;
            t.add(static_cast<double>(random() >> 11) * 0x1p-53 < now ? 1 : 0);
        }
        needed.push_back(t.alarm() ? n : most + 1);
    }
    std::nth_element(needed.begin(), needed.begin() + streams * 9 / 10, needed.end());
    std::size_t n = needed[streams * 9 / 10];
    if (n > most) return std::nullopt;
    return n;
}

}  // namespace reagent
