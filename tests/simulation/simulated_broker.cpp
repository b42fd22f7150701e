#include "tests/simulation/simulated_broker.h"

#include <algorithm>

#include "shared/mqtt/url.h"
#include "tests/simulation/simulated_mqtt_client.h"

namespace tributary::simulation {

using namespace std::chrono_literals;

// One TCP connection.
struct SimulatedBroker::Link {
  SimulatedMqttClient* client = nullptr;  // null once it is gone
  std::shared_ptr<const Machine> machine;
  MqttOptions options;
  bool open = true;           // as the broker sees it
  bool silent = false;        // packets vanish
  Scheduler::Time last_up{};  // when the last packet of each direction arrives
  Scheduler::Time last_down{};
};

SimulatedBroker::SimulatedBroker(BatonScheduler& scheduler, Weather weather)
    : scheduler_(scheduler), weather_(weather) {}

MqttClientFactory SimulatedBroker::clients_on(std::shared_ptr<const Machine> machine) {
  return [this, machine](MqttOptions options) -> Result<std::unique_ptr<MqttClient>> {
    return std::make_unique<SimulatedMqttClient>(*this, machine, std::move(options));
  };
}

template <class Action>
void SimulatedBroker::to_broker(const Links& link, Action action) {
  if (link->machine->dead || link->silent) return;
  link->last_up =
      std::max(link->last_up, scheduler_.now() + scheduler_.time_between(0ns, weather_.latency));
  scheduler_.at(link->last_up, [this, link, action = std::move(action)] {
    if (running_ && link->open && !link->silent) action();
  });
}

template <class Action>
void SimulatedBroker::to_client(const Links& link, Action action) {
  if (link->silent) return;
  link->last_down =
      std::max(link->last_down, scheduler_.now() + scheduler_.time_between(0ns, weather_.latency));
  scheduler_.at(link->last_down, [link, action = std::move(action)] {
    if (link->client == nullptr || link->silent || link->machine->dead) return;
    link->client->arrive(action(*link->client));
  });
}

SimulatedBroker::Links SimulatedBroker::open(SimulatedMqttClient& client,
                                             std::shared_ptr<const Machine> machine) {
  auto link = std::make_shared<Link>();
  link->client = &client;
  link->machine = std::move(machine);
  link->options = client.options_;
  if (!running_) {
    to_client(link, [](auto& to) {
      return [&to](MqttRound& round) { to.lost("connection refused", round); };
    });
  } else if (!ignores_) {
    to_broker(link, [this, link] { take_connect(link); });
  }
  return link;
}

void SimulatedBroker::take_connect(const Links& link) {
  const auto& options = link->options;
  auto& session = sessions_[link->options.client_id];
  if (session.link) lose(session.link, true);
  const bool present = session.lasts && !options.clean_start;
  if (!present) session = {};
  session.link = link;
  session.lasts = options.session_expiry > 0s;
  to_client(link, [present](auto& to) {
    return [&to, present](MqttRound& round) { to.accepted(present, round); };
  });
  // What was on its way goes again, before anything new.
  while (!session.in_flight.empty()) {
    session.queue.push_front(std::move(session.in_flight.back()));
    session.in_flight.pop_back();
  }
  send_queued(session);
}

void SimulatedBroker::take_subscribe(const Links& link) {
  sessions_[link->options.client_id].subscriptions = link->options.subscriptions;
  to_client(link, [](auto& to) { return [&to](MqttRound&) { to.state_.subscribed = true; }; });
}

void SimulatedBroker::take_publish(const Links& link, const MqttPublication& publication, int id) {
  const bool somebody = route(publication);
  if (publication.qos == 0) return;
  const MqttPuback puback{.id = id, .reason = somebody ? std::uint8_t{0} : std::uint8_t{0x10}};
  to_client(link, [puback](auto& to) {
    return [&to, puback](MqttRound& round) {
      --to.in_flight_;
      round.pubacks.push_back(puback);
    };
  });
}

bool SimulatedBroker::route(const MqttPublication& publication) {
  bool somebody = false;
  for (auto& [client_id, session] : sessions_) {
    for (const auto& subscription : session.subscriptions) {
      if (!topic_matches(subscription.topic, publication.topic)) continue;
      somebody = true;
      MqttMessage message{.topic = publication.topic,
                          .payload = publication.payload,
                          .qos = std::min(publication.qos, subscription.qos),
                          .retain = false,
                          .properties = publication.properties};
      if (message.qos == 0) {
        if (session.link) send_receipt(session.link, message);
        continue;
      }
      if (scheduler_.chance(weather_.queue_loss)) continue;
      const auto expiry = message.properties.message_expiry;
      session.queue.push_back({.message = std::move(message),
                               .expires = expiry ? scheduler_.now() + *expiry : Scheduler::kNever,
                               .id = 0});
      send_queued(session);
    }
  }
  return somebody;
}

// Of QoS 0 nothing is promised: not that it comes, nor once, nor in order.
void SimulatedBroker::send_receipt(const Links& link, const MqttMessage& message) {
  if (scheduler_.chance(weather_.receipt_loss)) return;
  const int copies = scheduler_.chance(weather_.receipt_repeat) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const auto last_down = std::exchange(link->last_down, Scheduler::Time{});
    to_client(link, [message](auto& to) {
      return [&to, message](MqttRound& round) { to.message(message, 0, round); };
    });
    link->last_down = last_down;
  }
}

void SimulatedBroker::send_queued(Session& session) {
  while (session.link && !session.queue.empty() &&
         session.in_flight.size() < session.link->options.receive_maximum) {
    auto message = std::move(session.queue.front());
    session.queue.pop_front();
    if (message.expires <= scheduler_.now()) continue;
    message.id = ++session.last_id;
    to_client(session.link, [sent = message](auto& to) {
      return [&to, sent](MqttRound& round) { to.message(sent.message, sent.id, round); };
    });
    session.in_flight.push_back(std::move(message));
  }
}

void SimulatedBroker::take_puback(const Links& link, int id) {
  auto& session = sessions_[link->options.client_id];
  std::erase_if(session.in_flight, [&](const auto& message) { return message.id == id; });
  send_queued(session);
}

void SimulatedBroker::lose(Links link, bool client_hears) {
  if (!std::exchange(link->open, false)) return;
  auto& session = sessions_[link->options.client_id];
  if (session.link == link) {
    session.link = nullptr;
    if (!session.lasts) session = {};
  }
  if (!client_hears) return;
  to_client(link, [](auto& to) {
    return [&to](MqttRound& round) { to.lost("connection reset", round); };
  });
}

void SimulatedBroker::stop() {
  running_ = false;
  for (const auto& client_id : connected()) lose(find(client_id), true);
  if (weather_.forgets) sessions_.clear();
}

void SimulatedBroker::start() { running_ = true; }

void SimulatedBroker::reset(const std::string& client_id) {
  if (const auto link = find(client_id)) lose(link, true);
}

// Each end notices by its keepalive.
void SimulatedBroker::silence(const std::string& client_id) {
  const auto link = find(client_id);
  if (!link) return;
  link->silent = true;
  const Scheduler::Time keepalive = link->options.keepalive;
  const auto notice = [&](auto action) {
    scheduler_.at(scheduler_.now() + scheduler_.time_between(keepalive / 2, keepalive * 3 / 2),
                  action);
  };
  notice([this, link] { lose(link, false); });
  notice([link] {
    if (link->client == nullptr || link->client->link_ != link || link->machine->dead) return;
    link->client->arrive(
        [&to = *link->client](MqttRound& round) { to.lost("no answer to a ping", round); });
  });
}

void SimulatedBroker::end(const Machine& machine) {
  for (const auto& client_id : connected()) {
    if (const auto link = find(client_id); link->machine.get() == &machine) lose(link, false);
  }
}

std::vector<std::string> SimulatedBroker::connected() const {
  std::vector<std::string> names;
  for (const auto& [client_id, session] : sessions_) {
    if (session.link) names.push_back(client_id);
  }
  return names;
}

bool SimulatedBroker::empty() const {
  return std::ranges::all_of(sessions_, [](const auto& session) {
    return session.second.queue.empty() && session.second.in_flight.empty();
  });
}

SimulatedBroker::Links SimulatedBroker::find(const std::string& client_id) const {
  const auto found = sessions_.find(client_id);
  return found == sessions_.end() ? nullptr : found->second.link;
}

// The client's side.

SimulatedMqttClient::SimulatedMqttClient(SimulatedBroker& broker,
                                         std::shared_ptr<const Machine> machine,
                                         MqttOptions options)
    : broker_(broker),
      machine_(std::move(machine)),
      options_(std::move(options)),
      backoff_(options_.reconnect_wait_min, options_.reconnect_wait_max) {
  state_.error = "not connected yet";
}

SimulatedMqttClient::~SimulatedMqttClient() {
  if (!link_) return;
  link_->client = nullptr;
  if (!machine_->dead) broker_.lose(link_, false);
}

MqttRound SimulatedMqttClient::poll(std::chrono::milliseconds wait, std::size_t messages,
                                    std::size_t /*bytes*/) {
  auto& scheduler = broker_.scheduler_;
  const auto deadline = scheduler.now() + wait;
  MqttRound round;
  if (wait.count() == 0) scheduler.wait(nullptr, scheduler.now());
  for (;;) {
    write();
    if (!link_ && !closed_ && scheduler.now() >= connect_at_) connect();
    while (!arrived_.empty() && round.messages.size() < messages) {
      const auto step = std::move(arrived_.front());
      arrived_.pop_front();
      step(round);
    }
    if (link_ && !state_.connected && scheduler.now() >= connect_at_) lost("no CONNACK", round);
    const bool something =
        !round.messages.empty() || !round.pubacks.empty() || round.connected || round.disconnected;
    if (something || std::exchange(woken_, false) || scheduler.now() >= deadline) break;
    const bool connects = !closed_ && !state_.connected;
    scheduler.wait(this, connects ? std::min(deadline, connect_at_) : deadline);
  }
  round.generation = state_.generation;
  return round;
}

// connect_at_: until when it may take.
void SimulatedMqttClient::connect() {
  connect_at_ = broker_.scheduler_.now() + options_.connect_timeout;
  link_ = broker_.open(*this, machine_);
}

void SimulatedMqttClient::arrive(Step step) {
  arrived_.push_back(std::move(step));
  broker_.scheduler_.wake(this);
}

void SimulatedMqttClient::accepted(bool session_present, MqttRound& round) {
  state_.connected = round.connected = true;
  state_.session_present = session_present;
  state_.receive_maximum = broker_.weather_.receive_maximum;
  state_.error.clear();
  ++state_.generation;
  connected_at_ = broker_.scheduler_.now();
  in_flight_ = 0;
  held_.clear();
  unwritten_.clear();
  broker_.to_broker(link_, [&broker = broker_, link = link_] { broker.take_subscribe(link); });
}

void SimulatedMqttClient::message(const MqttMessage& message, int id, MqttRound& round) {
  if (!state_.connected) return;
  if (message.qos > 0) held_.push_back(id);
  round.messages.push_back(message);
}

void SimulatedMqttClient::lost(const std::string& why, MqttRound& round) {
  if (!link_) return;
  if (!link_->silent) broker_.lose(link_, false);
  link_->client = nullptr;
  link_.reset();
  arrived_.clear();
  unwritten_.clear();
  held_.clear();
  in_flight_ = 0;
  if (broker_.scheduler_.now() - connected_at_ > 10s && state_.connected) backoff_.reset();
  connect_at_ = broker_.scheduler_.now() + backoff_.next();
  round.disconnected = state_.connected;
  state_.connected = state_.subscribed = false;
  state_.error = why;
}

Result<void> SimulatedMqttClient::acknowledge(std::uint64_t generation) {
  if (!state_.connected || generation != state_.generation) return {};
  for (const int id : held_) {
    broker_.to_broker(link_,
                      [&broker = broker_, link = link_, id] { broker.take_puback(link, id); });
  }
  held_.clear();
  write();
  return {};
}

Result<int> SimulatedMqttClient::publish(const MqttPublication& publication) {
  if (!state_.connected) return fail(errc::not_connected, state_.error);
  if (publication.qos > 0 && in_flight_ >= state_.receive_maximum) {
    return fail(errc::window_full, "enough publications are in flight");
  }
  if (publication.qos > 0) ++in_flight_;
  unwritten_.emplace_back(publication, ++last_id_);
  return last_id_;
}

void SimulatedMqttClient::write() {
  while (!unwritten_.empty()) {
    const auto sent = std::move(unwritten_.front());
    unwritten_.pop_front();
    broker_.to_broker(link_, [&broker = broker_, link = link_, sent] {
      broker.take_publish(link, sent.first, sent.second);
    });
  }
}

void SimulatedMqttClient::wake() {
  woken_ = true;
  broker_.scheduler_.wake(this);
}

void SimulatedMqttClient::disconnect(bool /*unsubscribe*/) {
  closed_ = true;
  if (!link_) return;
  write();
  broker_.to_broker(link_, [&broker = broker_, link = link_] { broker.lose(link, false); });
  link_->client = nullptr;
  link_.reset();
  arrived_.clear();
  state_.connected = state_.subscribed = false;
}

}  // namespace tributary::simulation
