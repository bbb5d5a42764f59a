#include "llm/http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/process_end.hpp"
#include "base/text.hpp"

namespace ak {
namespace {

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Multi = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

void start_curl() {
  static std::once_flag once;  // curl_global_init is not safe to repeat from several threads in every build of libcurl
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT), library_set_up(); });
}

// CURLOPT_NOSIGNAL, needed in threads, leaves SIGPIPE to the caller; a host that dies of it would not be amused.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeBlock() {
    const timespec now{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_;
};

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK || !text) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

Url parse_url(const std::string& text) {
  Url url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) url.reset();
  return url;
}

bool loopback(CURLU* url) {
  const std::string host = part(url, CURLUPART_HOST);
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
}

std::size_t receive(char* data, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > kMostReplyBytes) return 0;  // ends the transfer with CURLE_WRITE_ERROR
  body.append(data, size * count);
  return size * count;
}

std::string first_of(std::initializer_list<const char*> variables) {
  for (const char* variable : variables)
    if (std::string value = environment(variable); !value.empty()) return value;
  return {};
}

HttpReply::Fault classify(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return HttpReply::Fault::none;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpReply::Fault::timeout;
    case CURLE_WRITE_ERROR:
      return HttpReply::Fault::too_large;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return HttpReply::Fault::refused;
    default:
      return HttpReply::Fault::connection;
  }
}

}  // namespace

void check_url(const std::string& text) {
  start_curl();
  const auto bad = [](std::string_view why) {
    throw Error(ErrorCode::invalid_argument, fmt::format("LLM endpoint (llm_endpoint, AK_LLM_ENDPOINT): {}", why));
  };
  const Url url = parse_url(text);
  // What may hold a password is not shown.
  if (!url)
    bad(fmt::format("'{}' is not a URL (expected https://host/v1)", text.find('@') == text.npos ? one_line(text, 200) : "***"));
  if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty())
    bad("a user name or password in the URL; give the secret as the key");
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme == "http" && !loopback(url.get()))
    bad(fmt::format("{}: plain http is for this machine only; use https", shown_url(text)));
  if (scheme != "http" && scheme != "https") bad(fmt::format("scheme '{}': expected https", scheme));
}

std::string shown_url(const std::string& text) {
  const Url url = parse_url(text);
  if (!url) return "(not a URL)";
  const std::string port = part(url.get(), CURLUPART_PORT);
  return fmt::format("{}://{}{}{}{}", part(url.get(), CURLUPART_SCHEME), part(url.get(), CURLUPART_HOST),
                     port.empty() ? "" : ":", port, part(url.get(), CURLUPART_PATH));
}

HttpReply http_post(const std::string& url, const std::vector<std::string>& headers, const std::string& body, double connect_s,
                    Deadline deadline, std::stop_token stop) {
  start_curl();
  const SigpipeBlock no_sigpipe;
  HttpReply reply;
  const Multi multi(curl_multi_init(), curl_multi_cleanup);
  const Easy easy(curl_easy_init(), curl_easy_cleanup);
  if (!multi || !easy) return {HttpReply::Fault::connection, "libcurl could not start", 0, 0, {}};

  Headers list(nullptr, curl_slist_free_all);
  for (const auto& header : headers)
    if (curl_slist* longer = curl_slist_append(list.get(), header.c_str())) {
      list.release();
      list.reset(longer);
    }
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.get(), option, value); };
  const auto milliseconds = [](double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); };
  char detail[CURL_ERROR_SIZE] = "";
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_HTTPHEADER, list.get());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDS, body.c_str());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(CURLOPT_WRITEFUNCTION, &receive);
  set(CURLOPT_WRITEDATA, &reply.body);
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);  // a redirect would carry the key to another host
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(connect_s, deadline.remaining())));
  set(CURLOPT_TIMEOUT_MS, milliseconds(deadline.remaining()));  // no low-speed limit: a model is silent while it thinks
#if LIBCURL_VERSION_NUM >= 0x075500
  set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  set(CURLOPT_QUICK_EXIT, 1L);  // a name server that hangs must not hold us past the deadline
#endif
  // Said in full, though libcurl knows the proxy's variables too: it would read the environment on this thread.
  const Url parsed = parse_url(url);
  const bool here = parsed && loopback(parsed.get());
  set(CURLOPT_PROXY, here ? "" : first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}).c_str());
  set(CURLOPT_NOPROXY, here ? "*" : first_of({"no_proxy", "NO_PROXY"}).c_str());
  const auto file = [&](CURLoption option, std::initializer_list<const char*> variables) {
    for (const char* variable : variables) {
      const std::string path = environment(variable);
      if (path.empty()) continue;
      if (access(path.c_str(), R_OK) != 0)
        reply.why = fmt::format("{}='{}': cannot be read", variable, one_line(path, 200)),
        reply.fault = HttpReply::Fault::refused;
      return set(option, path.c_str());
    }
  };
  file(CURLOPT_CAINFO, {"CURL_CA_BUNDLE", "SSL_CERT_FILE"});
  file(CURLOPT_SSLCERT, {"AK_LLM_CLIENT_CERT"});
  file(CURLOPT_SSLKEY, {"AK_LLM_CLIENT_KEY"});
  if (reply.fault != HttpReply::Fault::none) return reply;

  const std::stop_callback wake(stop, [&] { curl_multi_wakeup(multi.get()); });
  curl_multi_add_handle(multi.get(), easy.get());
  CURLcode code = CURLE_OPERATION_TIMEDOUT;
  for (bool done = false; !done && !stop.stop_requested() && !deadline.passed();) {
    int running = 0, queued = 0;
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) {
      code = CURLE_RECV_ERROR;
      break;
    }
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &queued))
      if (message->msg == CURLMSG_DONE) done = true, code = message->data.result;
    if (!done)
      curl_multi_poll(multi.get(), nullptr, 0, static_cast<int>(std::min(1000.0, deadline.remaining() * 1000 + 1)), nullptr);
  }
  curl_multi_remove_handle(multi.get(), easy.get());

  reply.fault = stop.stop_requested() ? HttpReply::Fault::cancelled : classify(code);
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &retry_after);
  reply.status = static_cast<int>(status);
  reply.retry_after_s = static_cast<double>(retry_after);
  switch (reply.fault) {
    case HttpReply::Fault::none:
      break;
    case HttpReply::Fault::cancelled:
      reply.why = "cancelled";
      break;
    case HttpReply::Fault::too_large:
      reply.why = fmt::format("the reply is larger than {} MiB", kMostReplyBytes >> 20);
      break;
    default:
      reply.why = *detail ? detail : curl_easy_strerror(code);
  }
  if (reply.fault != HttpReply::Fault::none) reply.body.clear();
  return reply;
}

}  // namespace ak
