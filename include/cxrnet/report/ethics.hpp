#pragma once
#include <string_view>

namespace cxrnet {

/// What every program's --help, the README and metrics.json say of the use of these classifiers.
inline constexpr std::string_view ethical_note =
    "For research and education only: the output of this program is not a diagnosis and must not decide anybody's "
    "care. It is meant to complement the judgement of qualified clinicians, never to replace it, and says nothing "
    "about patients, scanners or hospitals unlike those it was trained and tested on.";

}  // namespace cxrnet
