#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shared/mqtt/client.h"
#include "tests/simulation/baton_scheduler.h"

namespace tributary::simulation {

class SimulatedMqttClient;

// A process that may be killed: nothing that it sends after that arrives anywhere.
struct Machine {
  bool dead = false;
};

// What a broker and the network around it do. Faults that a real one may have stay within what MQTT
// and TCP allow.
struct Weather {
  Scheduler::Time latency{};  // of a packet, at most
  double receipt_loss = 0;    // QoS 0 messages: lost, …
  double receipt_repeat = 0;  // … delivered twice; and each takes its own time
  double queue_loss = 0;      // QoS 1 messages that are acknowledged and then dropped, as a full
                              // queue does it
  bool forgets = false;       // a restart empties queues and ends sessions
  std::uint64_t receive_maximum = 65'535;
};

// An MQTT 5 broker with its network, without bytes: sessions that outlast connections, QoS 0 and 1,
// message expiry, Receive Maximum both ways, "no matching subscribers". Packets of a connection
// keep their order; a connection can be reset, or go silent until the keepalive ends it.
class SimulatedBroker {
 public:
  SimulatedBroker(BatonScheduler& scheduler, Weather weather);

  // Makes clients of this broker, on that machine.
  MqttClientFactory clients_on(std::shared_ptr<const Machine> machine);

  void stop();  // every connection is reset; connects are refused until …
  void start();
  void ignore_connects(bool ignore) { ignores_ = ignore; }  // takes them, and never answers
  void reset(const std::string& client_id);
  void silence(const std::string& client_id);
  // Its connections end without a word.
  void end(const Machine& machine);
  [[nodiscard]] std::vector<std::string> connected() const;
  [[nodiscard]] bool empty() const;  // it has nothing to deliver
  void set_weather(const Weather& weather) { weather_ = weather; }

 private:
  friend class SimulatedMqttClient;
  struct Link;
  using Links = std::shared_ptr<Link>;
  struct Message {
    MqttMessage message;
    Scheduler::Time expires = Scheduler::kNever;
    int id = 0;
  };
  struct Session {
    Links link;  // null while it is away
    bool lasts = false;
    std::vector<MqttSubscription> subscriptions;
    std::deque<Message> queue;
    std::deque<Message> in_flight;  // sent, not acknowledged
    int last_id = 0;
  };

  // What the client sends arrives in its order, unless the connection ends before.
  template <class Action>
  void to_broker(const Links& link, Action action);
  template <class Action>
  void to_client(const Links& link, Action action);

  Links open(SimulatedMqttClient& client, std::shared_ptr<const Machine> machine);
  void take_connect(const Links& link);
  void take_subscribe(const Links& link);
  void take_publish(const Links& link, const MqttPublication& publication, int id);
  void take_puback(const Links& link, int id);
  bool route(const MqttPublication& publication);
  void send_receipt(const Links& link, const MqttMessage& message);
  void send_queued(Session& session);
  void lose(Links link, bool client_hears);
  [[nodiscard]] Links find(const std::string& client_id) const;

  BatonScheduler& scheduler_;
  Weather weather_;
  bool running_ = true;
  bool ignores_ = false;
  std::map<std::string, Session> sessions_;  // by client id
};

}  // namespace tributary::simulation
