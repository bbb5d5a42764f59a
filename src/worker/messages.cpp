#include "worker/messages.hpp"

#include "cache/bytes.hpp"

namespace ak {
namespace {

constexpr std::string_view kHello = "ak-worker";

template <class Enum>
Enum value(ByteReader& reader, Enum last) {
  const auto number = reader.get<std::uint8_t>();
  if (number > static_cast<std::uint8_t>(last)) reader.fail();
  return static_cast<Enum>(number);
}

}  // namespace

std::string encode(const Hello& hello) {
  ByteWriter writer;
  writer.put(kHello), writer.put(std::string_view(hello.build));
  return writer.bytes();
}

std::optional<Hello> decode_hello(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.text() != kHello) reader.fail();
  Hello hello;
  hello.build = reader.text();
  return reader.whole(std::move(hello));
}

std::string encode(const ProofRequest& request) {
  ByteWriter writer;
  writer.put(static_cast<std::uint8_t>(request.kind));
  writer.put(std::string_view(request.tag)), writer.put(std::string_view(request.subject));
  writer.put(request.same_subject);
  writer.put(std::string_view(request.launch)), writer.put(std::string_view(request.image));
  writer.put(static_cast<std::uint8_t>(request.effort)), writer.put(request.whole), writer.put(request.seconds);
  writer.put(request.device_bytes), writer.put(request.scratch_bytes);
  return writer.bytes();
}

std::optional<ProofRequest> decode_request(std::string_view bytes) {
  ByteReader reader(bytes);
  ProofRequest request;
  request.kind = value(reader, Asked::subject);
  request.tag = reader.text(), request.subject = reader.text();
  request.same_subject = reader.flag();
  request.launch = reader.text(), request.image = reader.text();
  request.effort = value(reader, Effort::full);
  request.whole = reader.flag();
  request.seconds = reader.real();
  request.device_bytes = reader.get<std::int64_t>(), request.scratch_bytes = reader.get<std::int64_t>();
  return reader.whole(std::move(request));
}

std::string encode(const ProofReply& reply) {
  ByteWriter writer;
  writer.put(static_cast<std::uint8_t>(reply.kind)), writer.put(static_cast<std::uint8_t>(reply.outcome));
  writer.put(std::string_view(reply.why)), writer.put(reply.error);
  writer.put(reply.whole), writer.put(reply.harms), writer.put(reply.last);
  return writer.bytes();
}

std::optional<ProofReply> decode_reply(std::string_view bytes) {
  ByteReader reader(bytes);
  ProofReply reply;
  reply.kind = value(reader, Answered::leaving);
  reply.outcome = value(reader, Outcome::incorrect);
  reply.why = reader.text(), reply.error = reader.real();
  reply.whole = reader.flag(), reply.harms = reader.flag(), reply.last = reader.flag();
  return reader.whole(std::move(reply));
}

}  // namespace ak
