#pragma once

#include <memory>
#include <span>

#include "collector/ingest/live_channel.h"
#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/http/server.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// GET /live[/<pipeline>] (DESIGN 7): events as server-sent events, as soon as they are durable; the
// parameters filter by fields, as those of /data. One thread reads the channels of all pipelines
// and sends to all readers; nobody waits for a reader: whoever is slower than the events, with
// kWaitingMax bytes not yet sent to it, is dropped and counted.
//
// An event's id is "<run>-<number>": the numbers of a pipeline's run go up by one, without a hole;
// a new run begins with the collector, and after a time without readers. A reader that comes back
// with Last-Event-ID gets what it missed, if it is among the last kKept events; an event `gap` says
// what can't be given any more. They are kept from the first reader on and for kKeepAfter behind
// the last.
class Live {
 public:
  static constexpr std::size_t kReadersMax = 200;
  static constexpr std::size_t kKept = 1'000;             // events, of each pipeline
  static constexpr std::size_t kKeptBytes = 384U << 10;   // and bytes of them
  static constexpr std::size_t kWaitingMax = 512U << 10;  // bytes, and as many are being written
  static constexpr std::size_t kQueueBytes = 16U << 20;
  static constexpr std::chrono::minutes kKeepAfter{5};

  // Gives each pipeline its channel, and registers the routes. It and all of these must outlive the
  // server and whatever ingests.
  Live(HttpServer& server, std::span<Pipeline* const> pipelines, const Clock& clock,
       Metrics& metrics);
  ~Live();  // stop()
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  // Ends every reader's answer. Before the server stops.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::collector
