// flanneld's client of etcd, whose calls are counted.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "flanneld/store/etcd/calls.h"
#include "tests/scale/meter.h"

namespace scale {

class CountedCalls final : public flanneld::EtcdCalls {
 public:
  CountedCalls(std::unique_ptr<flanneld::EtcdCalls> etcd, Meter& meter)
      : etcd_(std::move(etcd)), meter_(meter) {}

  void read(const std::string& key, Done<flanneld::EtcdRange> done) override {
    etcd_->read(key, counted(Ask::read, std::move(done)));
  }
  void page(const flanneld::EtcdPage& page, Done<flanneld::EtcdRange> done) override {
    etcd_->page(page, counted(Ask::page, std::move(done)));
  }
  void probe(const std::string& key, const std::string& prefix, Done<flanneld::EtcdProbe> done) override {
    etcd_->probe(key, prefix, counted(Ask::probe, std::move(done)));
  }
  void put_if(const flanneld::EtcdKeyValue& kv, int64_t mod_revision, Done<flanneld::EtcdTxn> done) override {
    etcd_->put_if(kv, mod_revision,
                  counted<flanneld::EtcdTxn>(Ask::put, [this, done = std::move(done)](const auto& answer) {
                    if (answer && !answer->succeeded) ++meter_.counts().races_lost;
                    done(answer);
                  }));
  }
  void delete_if(const std::string& key, int64_t mod_revision, Done<flanneld::EtcdTxn> done) override {
    etcd_->delete_if(key, mod_revision, counted(Ask::remove, std::move(done)));
  }
  void grant(int64_t ttl_seconds, Done<flanneld::EtcdLease> done) override {
    etcd_->grant(ttl_seconds, counted(Ask::grant, std::move(done)));
  }
  void keep_alive(int64_t lease, Done<flanneld::EtcdLease> done) override {
    etcd_->keep_alive(lease, counted(Ask::keep_alive, std::move(done)));
  }
  void revoke(int64_t lease) override { etcd_->revoke(lease); }
  void watch(const std::string& prefix, int64_t from_revision, OnWatch on_response,
             OnWatchEnd on_end) override {
    meter_.asked(Ask::watch);
    etcd_->watch(prefix, from_revision, std::move(on_response), [this, end = std::move(on_end)] {
      meter_.ended(Ask::watch);
      end();
    });
  }
  void end_watch() override { etcd_->end_watch(); }
  [[nodiscard]] bool is_watch_current() const override { return etcd_->is_watch_current(); }
  [[nodiscard]] std::string describe() const override { return etcd_->describe(); }

 private:
  template <class T>
  Done<T> counted(Ask what, Done<T> done) {
    meter_.asked(what);
    return [this, what, done = std::move(done)](const flanneld::Result<T>& answer) {
      if (!answer) meter_.failed(what, answer.reason());
      done(answer);
    };
  }

  std::unique_ptr<flanneld::EtcdCalls> etcd_;
  Meter& meter_;
};

}  // namespace scale
