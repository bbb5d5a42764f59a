// A real HTTP server on loopback that plays a language model's endpoint.
#pragma once

#include <httplib.h>

#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace ak::testing {

class LlmServer {
 public:
  using Handler = std::function<void(const httplib::Request&, httplib::Response&, int call)>;  // call counts from 0

  explicit LlmServer(Handler handler) : handler_(std::move(handler)) {
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      int call;
      {
        std::lock_guard lock(mutex_);
        call = static_cast<int>(requests_.size());
        requests_.push_back(request);
      }
      handler_(request, response, call);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~LlmServer() {
    server_.stop();
    thread_.join();
  }

  std::string url(const std::string& path = "/v1") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  std::vector<httplib::Request> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  int calls() { return static_cast<int>(requests().size()); }

 private:
  Handler handler_;
  httplib::Server server_;
  std::mutex mutex_;
  std::vector<httplib::Request> requests_;
  int port_ = 0;
  std::thread thread_;
};

inline void answer(httplib::Response& response, const nlohmann::json& body, int status = 200) {
  response.status = status;
  response.set_content(body.dump(), "application/json");
}

/// What an OpenAI-compatible server says when the model said `text`.
inline nlohmann::json openai_says(const std::string& text, const std::string& finish = "stop") {
  return {{"choices", {{{"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", finish}}}},
          {"usage", {{"prompt_tokens", 1200}, {"completion_tokens", 340}}}};
}

/// Everything logged while it lives.
class LogCapture {
 public:
  LogCapture() : before_(log_level()) {
    set_log_level(LogLevel::debug);
    set_log_sink([this](LogLevel level, std::string_view line) {
      text_ += line;
      text_ += '\n';
      warnings_ += level == LogLevel::warn;
    });
  }
  ~LogCapture() {
    set_log_sink({});
    set_log_level(before_);
  }
  const std::string& text() const { return text_; }
  int warnings() const { return warnings_; }

 private:
  LogLevel before_;
  std::string text_;
  int warnings_ = 0;
};

}  // namespace ak::testing
