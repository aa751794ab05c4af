// Catch2, version 3 or 2 (Debian 12), and what tests of error messages need.
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace mote::testing {

#if __has_include(<catch2/catch_all.hpp>)
using Catch::Approx;
// For CHECK_THROWS_WITH(f(), contains("...")) and CHECK_THAT(text, contains("...")).
inline auto contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
#else
using Catch::Detail::Approx;
// For CHECK_THROWS_WITH(f(), contains("...")) and CHECK_THAT(text, contains("...")).
inline auto contains(const std::string& text) { return Catch::Matchers::Contains(text); }
#endif

// The message of the E that `function` throws: CHECK_THAT(message_of<ShapeError>([&] { add(a, b); }), contains("[2]")).
// Says so where it throws nothing or something else.
template <class E, class F>
std::string message_of(F&& function) {
  try {
    function();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("(an exception of another type) ") + error.what();
  }
  return "(nothing was thrown)";
}

}  // namespace mote::testing
