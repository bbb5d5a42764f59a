// One HTTPS POST, bounded in time and size. Made for carrying a secret header: no redirect is followed, nothing is logged, and
// plain http is for this machine only.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace ak {

inline constexpr std::size_t kMostReplyBytes = 4u << 20;

struct HttpReply {
  enum class Fault { none, connection, timeout, cancelled, too_large, refused };  // refused: TLS verification, a bad URL
  Fault fault = Fault::none;
  std::string why;           // of the fault; no secret in it
  int status = 0;            // 0 when there was no answer
  double retry_after_s = 0;  // the server's Retry-After; 0 when absent
  std::string body;
};

/// Throws Error{invalid_argument} unless the URL is https, or http to a loopback address, and carries no user name or password.
void check_url(const std::string& url);
/// Scheme, host and path: what may be shown of a URL.
std::string shown_url(const std::string& url);

/// Ends early, within milliseconds, when stop is requested. Proxy variables are honoured except for loopback; CURL_CA_BUNDLE or
/// SSL_CERT_FILE names the CA bundle, AK_LLM_CLIENT_CERT and AK_LLM_CLIENT_KEY (PEM files) a client certificate.
HttpReply http_post(const std::string& url, const std::vector<std::string>& headers, const std::string& body, double connect_s,
                    Deadline deadline, std::stop_token stop);

}  // namespace ak
