// Beast 1.81 asserts that five bytes are there when it comes back to a last chunk, where a body's first chunk has four:
// "0\r\n\r". Without the assertion that is read as it should be; with it any server could end a program that was not
// built with NDEBUG.
#define BOOST_DISABLE_ASSERTS
// The only file in which Beast's implementation is compiled (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>
