#include "emulate/emulate_messages.hpp"

#include "cache/bytes.hpp"

namespace ak::loop {
namespace {

constexpr std::int64_t kMost = 1 << 20;  // of anything that is listed

template <class Enum>
void put(ByteWriter& writer, Enum value) {
  writer.put(static_cast<std::uint8_t>(value));
}

template <class Enum>
Enum value(ByteReader& reader, Enum last) {
  const auto number = reader.get<std::uint8_t>();
  if (number > static_cast<std::uint8_t>(last)) reader.fail();
  return static_cast<Enum>(number);
}

void put(ByteWriter& writer, const std::string& text) { writer.put(std::string_view(text)); }

template <class List, class Each>
void put_all(ByteWriter& writer, const List& list, Each each) {
  writer.put(static_cast<std::int64_t>(list.size()));
  for (const auto& one : list) each(one);
}

template <class Each>
void read_all(ByteReader& reader, Each each) {
  const auto count = reader.get<std::int64_t>();
  if (count < 0 || count > kMost) reader.fail();
  for (std::int64_t i = 0; i < count && reader.ok(); ++i) each();
}

void put(ByteWriter& writer, const ThreadPlace& place) {
  writer.put(place.block), writer.put(static_cast<std::int64_t>(place.thread)), put(writer, place.access);
}

ThreadPlace read_place(ByteReader& reader) {
  ThreadPlace place;
  place.block = reader.get<std::int64_t>(), place.thread = static_cast<int>(reader.get<std::int64_t>());
  place.access = value(reader, ThreadPlace::Access::atomic);
  return place;
}

}  // namespace

std::string encode(const EmulateMessage& message) {
  ByteWriter writer;
  const EmulationRequest& request = message.request;
  put(writer, message.kind), put(writer, message.folder), put(writer, message.compiler);
  put_all(writer, message.kernels, [&](const std::string& kernel) { put(writer, kernel); });
  put_all(writer, request.launches, [&](const EmulatedLaunch& launch) {
    put(writer, launch.kernel), writer.put(launch.blocks), writer.put(static_cast<std::int64_t>(launch.threads));
    writer.put(static_cast<std::int64_t>(launch.shared_bytes)), writer.put(launch.dependent);
  });
  put_all(writer, request.arguments, [&](const EmulatedArgument& argument) {
    put(writer, argument.type), writer.put(static_cast<std::int64_t>(argument.buffer)), writer.put(argument.offset);
    writer.put(argument.integer), writer.put(argument.real);
  });
  put(writer, request.order), writer.put(static_cast<std::int64_t>(request.seed)), writer.put(request.steps);
  writer.put(static_cast<std::int64_t>(request.resident_blocks)), writer.put(request.seconds);
  put_all(writer, message.buffers, [&](const Placed& buffer) {
    put(writer, buffer.name), put(writer, buffer.type), writer.put(buffer.offset), writer.put(buffer.elements);
  });
  writer.put(message.shared_bytes);
  return writer.bytes();
}

std::optional<EmulateMessage> decode_emulate_message(std::string_view bytes) {
  ByteReader reader(bytes);
  EmulateMessage message;
  EmulationRequest& request = message.request;
  message.kind = value(reader, EmulateMessage::Kind::run);
  message.folder = reader.text(), message.compiler = reader.text();
  read_all(reader, [&] { message.kernels.emplace_back(reader.text()); });
  read_all(reader, [&] {
    EmulatedLaunch& launch = request.launches.emplace_back();
    launch.kernel = reader.text(), launch.blocks = reader.get<std::int64_t>();
    launch.threads = static_cast<int>(reader.get<std::int64_t>());
    launch.shared_bytes = static_cast<int>(reader.get<std::int64_t>()), launch.dependent = reader.flag();
  });
  read_all(reader, [&] {
    EmulatedArgument& argument = request.arguments.emplace_back();
    argument.type = value(reader, ScalarType::i64), argument.buffer = static_cast<int>(reader.get<std::int64_t>());
    argument.offset = reader.get<std::int64_t>(), argument.integer = reader.get<std::int64_t>(), argument.real = reader.real();
  });
  request.order = value(reader, ThreadOrder::shuffled);
  request.seed = static_cast<std::uint64_t>(reader.get<std::int64_t>()), request.steps = reader.get<std::int64_t>();
  request.resident_blocks = static_cast<int>(reader.get<std::int64_t>()), request.seconds = reader.real();
  read_all(reader, [&] {
    Placed& buffer = message.buffers.emplace_back();
    buffer.name = reader.text(), buffer.type = value(reader, ScalarType::i64);
    buffer.offset = reader.get<std::int64_t>(), buffer.elements = reader.get<std::int64_t>();
  });
  message.shared_bytes = reader.get<std::int64_t>();
  return reader.whole(std::move(message));
}

std::string encode(const EmulateReply& reply) {
  ByteWriter writer;
  put(writer, reply.refused), writer.put(reply.missing), writer.put(reply.emulation.steps);
  put_all(writer, reply.emulation.faults, [&](const Fault& fault) {
    put(writer, fault.kind), put(writer, fault.kernel), put(writer, fault.array), writer.put(fault.element);
    put(writer, fault.first), put(writer, fault.second), writer.put(static_cast<std::int64_t>(fault.line)),
        put(writer, fault.text);
  });
  return writer.bytes();
}

std::optional<EmulateReply> decode_emulate_reply(std::string_view bytes) {
  ByteReader reader(bytes);
  EmulateReply reply;
  reply.refused = reader.text(), reply.missing = reader.flag(), reply.emulation.steps = reader.get<std::int64_t>();
  read_all(reader, [&] {
    Fault& fault = reply.emulation.faults.emplace_back();
    fault.kind = value(reader, FaultKind::crash), fault.kernel = reader.text(), fault.array = reader.text();
    fault.element = reader.get<std::int64_t>();
    fault.first = read_place(reader), fault.second = read_place(reader);
    fault.line = static_cast<int>(reader.get<std::int64_t>()), fault.text = reader.text();
  });
  return reader.whole(std::move(reply));
}

}  // namespace ak::loop
