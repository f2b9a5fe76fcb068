#include "flanneld/page/peer_view.h"

namespace flanneld::page {

const char* css_class(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "good";
    case Tone::unsure:
      return "unsure";
    case Tone::limited:
      return "limited";
    case Tone::bad:
      return "bad";
  }
  return "";
}

}  // namespace flanneld::page
