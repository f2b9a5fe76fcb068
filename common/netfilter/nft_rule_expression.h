// How an expression is put behind a rule's others. For the files that build rules.
#pragma once

#include <linux/netfilter/nf_tables.h>

#include "common/netfilter/nft_rule.h"

namespace netfilter {

template <class Fill>
NftRule& NftRule::expression(const char* name, Fill&& fill) {
  expressions_.nest(NFTA_LIST_ELEM, [&] {
    expressions_.put_string(NFTA_EXPR_NAME, name);
    expressions_.nest(NFTA_EXPR_DATA, fill);
  });
  return *this;
}

}  // namespace netfilter
