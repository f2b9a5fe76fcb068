// Files in the scratch directory, and then all that DEL and GC do with them but taking the interface down.
#include <string>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/scratch_store.h"
#include "common/base/error.h"
#include "common/cni/error.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/temp_dir.h"

void fuzz::scratch_files(std::string_view input) {
  static const TempDir temporary;
  const std::string path = temporary.fresh("flannel");
  const base::UniqueFd dir = base::open_directory(path);
  put_entries(dir.get(), input);
  flannel::ScratchStore store(path, "cbr0");
  std::vector<cni::Attachment> attachments = store.list();
  attachments.push_back({"c1", "eth0"});
  cni::Request request;
  request.network = "cbr0";
  for (const cni::Attachment& attachment : attachments) {
    promise(cni::is_valid_identifier(attachment.container_id), "an attachment has a container's name");
    try {
      const auto config = store.load(attachment);
      if (config) flannel::parse_bridge_conf(request.with_config(*config));
    } catch (const cni::Error&) {
    } catch (const base::ParseError&) {
    }
    try {
      if (store.save(attachment, {{"name", "cbr0"}}))
        promise(store.load(attachment).has_value(), "what is saved is found");
      store.remove(attachment);
    } catch (const cni::Error&) {  // something else has the name
    }
  }
}
