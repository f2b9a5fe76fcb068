// What Kubernetes' API server sends: lists in pieces, events, Nodes, errors; and what of it becomes leases.
// The first byte says in pieces of which size a list arrives.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "flanneld/store/kube/list_splitter.h"
#include "flanneld/store/kube/node.h"
#include "flanneld/store/kube/node_table.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/documents.h"

namespace {

constexpr const char* kPrefix = "flannel.alpha.coreos.com/";

struct List {
  std::vector<std::string> items;
  std::optional<std::string> envelope;  ///< nullopt: it breaks off, or is none
  bool operator==(const List&) const = default;
};

List list_of(std::string_view stream, size_t piece) {
  flanneld::ListSplitter splitter(1 << 20);
  List list;
  try {
    while (!stream.empty()) {
      splitter.take(stream.substr(0, piece), [&](std::string_view item) { list.items.emplace_back(item); });
      stream.remove_prefix(std::min(piece, stream.size()));
    }
    if (splitter.is_complete()) list.envelope = splitter.envelope();
  } catch (const base::ParseError&) {
  }
  return list;
}

template <class Parse>
void refusing(Parse&& parse) {
  try {
    parse();
  } catch (const base::ParseError&) {
  }
}

void publish(const flanneld::KubeNode& node) {
  flanneld::LeaseAttributes attributes;
  for (const base::Family family : base::kFamilies)
    refusing([&] { flanneld::read_family(node.annotations, family, attributes); });
  const flanneld::Annotations wanted = flanneld::wanted_annotations(attributes, node.annotations);
  const std::string patch = flanneld::annotations_patch(kPrefix, node.annotations, wanted);
  fuzz::promise(patch.empty() || json::Value::accept(patch), "a patch is JSON");
  fuzz::promise(flanneld::annotations_patch(kPrefix, wanted, wanted).empty(),
                "what is wanted needs no patch");
  fuzz::promise(flanneld::LeaseAttributes::parse(attributes.format()) == attributes,
                "what is read can be saved");
}

}  // namespace

void fuzz::kube_nodes(std::string_view input) {
  if (input.empty()) return;
  const auto piece = std::max<size_t>(1, static_cast<unsigned char>(input[0]));
  input.remove_prefix(1);
  const List list = list_of(input, input.size() + 1);
  promise(list == list_of(input, piece), "it does not matter where a list is cut");
  flanneld::KubeNodeTable table("own", [](const flanneld::EntrySkipped&) {});
  table.begin_list();
  for (const std::string& item : list.items)
    refusing([&] {
      const flanneld::KubeNode node = flanneld::parse_kube_node(item, kPrefix);
      promise(!node.name.empty(), "a Node has a name");
      publish(node);
      table.put_listed(node);
    });
  table.end_list();
  if (list.envelope) refusing([&] { flanneld::parse_kube_list_head(*list.envelope); });
  flanneld::parse_kube_status(input);
  refusing([&] { flanneld::parse_node_name(input); });
  const std::vector<std::string> events = fuzz::documents_of(input, input.size() + 1);
  promise(events == fuzz::documents_of(input, piece), "it does not matter where a watch is cut");
  for (const std::string& text : events)
    refusing([&] {
      const flanneld::KubeEvent event = flanneld::parse_kube_event(text, kPrefix);
      if (event.kind == flanneld::KubeEvent::Kind::deleted)
        table.remove(event.node.name);
      else if (event.kind == flanneld::KubeEvent::Kind::changed)
        table.put(event.node);
    });
}
