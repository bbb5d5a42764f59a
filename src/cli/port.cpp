// ak port: a C function's loops become kernels: analysed, generated, proven, timed, kept.
#include "port/port.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "base/cores.hpp"
#include "cli/attempts_file.hpp"
#include "cli/cli.hpp"
#include "cli/port_sizes.hpp"
#include "cli/sign_of_life.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "context/loop_state.hpp"
#include "context/stored_quarantine.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "jit/compiler.hpp"
#include "llm/chat.hpp"
#include "machine/gpu.hpp"
#include "plan/resources.hpp"
#include "port/artifacts.hpp"
#include "port/c/c_bench.hpp"
#include "port/c/one_thread.hpp"
#include "port/candidates.hpp"
#include "port/llm/kernel_facts.hpp"
#include "port/report/report.hpp"
#include "tune/device_turn.hpp"
#include "worker/compiler_process.hpp"
#include "worker/process.hpp"
#include "worker/worker.hpp"

namespace ak::cli {
namespace {

struct PortState {
  std::string file;
  std::vector<std::string> functions, flags;
  std::vector<std::string> lengths, drops, sizes, aliases;
  std::string body, out;
  SearchArguments search;
  double seconds = 0;  // 0: as long as is usual

  double seconds_each() const { return seconds > 0 ? seconds : llm.empty() ? 60 : 600; }
  bool all = false, verdict = false, prompt = false, json = false, quick = false;
  std::string arm{port::name(port::PromptArm::skeleton)}, llm, proposer, goal = "right", attempts, rounds, proposals;
};

constexpr const char* kAnalysis = "analysis";

[[noreturn]] void refuse(const std::string& option, const std::string& word, std::string_view what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: '{}' is not {}", option, word, what));
}

std::pair<std::string, std::string> split_at_equals(const std::string& option, const std::string& word, std::string_view what) {
  const auto equals = word.find('=');
  if (equals == word.npos || equals == 0) refuse(option, word, what);
  return {word.substr(0, equals), word.substr(equals + 1)};
}

std::int64_t integer_of(const std::string& option, const std::string& word, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) refuse(option, word, "NAME=NUMBER");
  return value;
}

// What the command line says of every function.
struct Asked {
  port::LoopSource source;  // without its function
  AskedSizes sizes;
  std::vector<loop::CallClass::Alias> aliases;
  std::vector<std::string> functions;
};

Asked read(const PortState& state) {
  Asked asked{{}, AskedSizes(state.sizes), {}, {}};
  asked.source.file = state.file, asked.source.body = state.body, asked.source.drops = state.drops;
  asked.functions = state.functions, asked.source.flags = state.flags;
  for (const std::string& word : state.lengths) asked.source.lengths.insert(split_at_equals("--length", word, "ARRAY=LENGTH"));
  for (const std::string& word : state.aliases) {
    const auto [pointer, place] = split_at_equals("--alias", word, "A=B+NUMBER");
    const auto sign = place.find_first_of("+-");
    const std::string_view offset = sign == place.npos ? "0" : std::string_view(place).substr(sign + (place[sign] == '+'));
    asked.aliases.push_back({pointer, place.substr(0, sign), integer_of("--alias", word, offset)});
  }
  return asked;
}

constexpr const char* kTemplates = "template";
constexpr const char* kLlmAlone = "llm";
constexpr const char* kBoth = "both";

// Who asks a language model here wants its kernels proven; they are kept where that is said.
Settings settings_of(const PortState& state) {
  Options options = state.search.options();
  if (!state.llm.empty()) options.llm = state.llm;
  Settings settings = resolve(options);
  if (state.llm.empty() || settings.llm_code != LlmCode::off) return settings;
  const auto entry = std::ranges::find(settings.entries, "AK_LLM_CODE", &Settings::Entry::variable);
  if (entry != settings.entries.end() && entry->source != "default")
    throw Error(ErrorCode::invalid_argument,
                "--llm: AK_LLM_CODE is off; worker proves what a language model writes, kept keeps it too");
  settings.llm_code = LlmCode::worker;
  return settings;
}

class Ports {
 public:
  explicit Ports(const PortState& state) : state_(state), settings_(settings_of(state)), asked_(read(state)) {
    tools_ = {settings_.analyser, settings_.compiler, settings_.worker};
    if (!state.llm.empty()) asking_ = asking();
    if (!state.attempts.empty()) attempts_.emplace(state.attempts);
    asked_.source.text = port::read_source(asked_.source);
    sources_ = asked_.sizes.sources(asked_.source);
    if (gpu_available()) {
      context_.emplace(current_context());
      resources_ = &resources();
      hardware_ = Hardware::of(resources_->facts());
      store_ = open_cache(settings_.cache_dir);
      quarantine_.emplace(*store_, hardware_);
    }
  }

  int run() {
    const auto deadline = Deadline::in(30);
    std::vector<std::string> functions = asked_.functions;
    if (state_.all) functions = port::functions_of(asked_.source, tools_, deadline);
    if (functions.empty() && state_.all)
      throw Error(ErrorCode::invalid_argument, fmt::format("{} has no function with a body", state_.file));
    if (functions.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("name a function of {}, or give --all; it has: {}", state_.file,
                              fmt::join(port::functions_of(asked_.source, tools_, deadline), ", ")));
    check_names(functions);
    if (!writes()) return run_each(functions);
    const bool made = make_folder();
    try {
      return run_each(functions);
    } catch (const Error&) {
      std::error_code not_empty;
      if (made) std::filesystem::remove(state_.out, not_empty);
      throw;
    }
  }

 private:
  int run_each(const std::vector<std::string>& functions) {
    int failed = 0;
    for (std::size_t i = 0; i < functions.size(); ++i) {
      if (std::find(functions.begin(), functions.begin() + static_cast<std::ptrdiff_t>(i), functions[i]) !=
          functions.begin() + static_cast<std::ptrdiff_t>(i))
        continue;  // named twice
      const bool alone = functions.size() == 1;
      failed += state_.verdict  ? show_verdict(functions[i], alone)
                : state_.prompt ? show_prompt(functions[i], alone)
                                : port_entry(functions[i], alone);
      if (writes()) save();  // so that a run that is ended keeps what is done
    }
    return failed ? kFailed : kOk;
  }

  // Of several functions each has the lengths that are its own.
  port::LoopSource source_of(const SizedSource& of, const std::string& function) const {
    port::LoopSource source = of.source;
    source.function = function;
    if (const auto found = prototypes_.find(function); found != prototypes_.end())
      std::erase_if(source.lengths, [&](const auto& length) {
        const loop::Parameter* parameter = loop::find_parameter(found->second, length.first);
        return !parameter || !parameter->pointer;
      });
    return source;
  }

  // Before anything that takes long: names that no function has, nor the file as macros.
  void check_names(const std::vector<std::string>& functions) {
    const std::vector<std::string> sizes = asked_.sizes.parameters(asked_.source);
    const bool alone = functions.size() == 1;  // whose lengths the analyser checks
    if (sizes.empty() && (alone || asked_.source.lengths.empty())) return;
    std::vector<loop::Function> read;
    for (const std::string& function : functions) {
      port::LoopSource source = sources_[0].source;
      source.function = function;
      if (!alone) source.lengths.clear();
      try {
        read.push_back(port::analyse(source, {}, tools_, Deadline::in(state_.seconds_each())).function);
      } catch (const Error&) {  // which its own turn says
        continue;
      }
      if (read.back().parameters.empty())
        read.pop_back();
      else if (!alone)
        prototypes_[function] = read.back();
    }
    if (read.empty()) return;
    const auto known = [&](const std::string& name, bool pointer) {
      return std::any_of(read.begin(), read.end(), [&](const loop::Function& function) {
        const loop::Parameter* parameter = loop::find_parameter(function, name);
        return parameter && parameter->pointer == pointer && (pointer || !is_real(parameter->type));
      });
    };
    const std::string whose = alone ? functions[0] : "these functions";
    for (const std::string& name : sizes)
      if (!known(name, false))
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("--size {}: neither an integer parameter of {} nor a macro of {}", name, whose, state_.file));
    for (const auto& [name, length] : asked_.source.lengths)
      if (!alone && !known(name, true))
        throw Error(ErrorCode::invalid_argument, fmt::format("--length {}: no pointer of {}", name, whose));
  }

  std::vector<std::string> steering_of(const loop::Verdict& plain) const {
    return asked_.aliases.empty() ? plain.steering : loop::steering_parameters(for_every_call(plain));
  }

  // The verdict for a call with these values of what steers it, and the call that it then holds for: none where they say no
  // more.
  std::pair<loop::Verdict, loop::CallClass> for_call(const port::LoopSource& source, const loop::Verdict& plain,
                                                     const loop::Values& values, Deadline deadline) const {
    loop::CallClass call;
    call.aliases = asked_.aliases;
    for (const std::string& name : steering_of(plain))
      if (const auto value = values.find(name); value != values.end()) call.values.emplace_back(name, value->second);
    if (call == loop::CallClass{}) return {plain, call};
    loop::Verdict verdict = port::analyse(source, call, tools_, deadline);
    if (call.aliases.empty() && text(verdict) == text(plain)) return {plain, {}};
    return {std::move(verdict), std::move(call)};
  }

  static constexpr double kObserveSeconds = 5;  // an addition, for which nobody waits longer than for the verdict

  // For the first of the calls that are asked for.
  int show_verdict(const std::string& function, bool alone) {
    const Deadline deadline = Deadline::in(state_.seconds_each());
    loop::Verdict plain, verdict;
    {
      doing(kAnalysis);
      const SignOfLife life = sign_of_life(function);
      for (const SizedSource& sized : sources_) {
        loop::Verdict read = port::analyse(source_of(sized, function), {}, tools_, deadline);
        check_aliases(read.function);
        if (read.refused.empty()) {
          check_flags(sized.source, deadline);
          calls_by_class(read.function, steering_of(read), sized.calls);  // which refuses values
        }
        if (&sized == &sources_[0]) plain = std::move(read);
      }
      const port::LoopSource source = source_of(sources_[0], function);
      loop::CallClass call;
      std::tie(verdict, call) =
          plain.refused.empty() ? for_call(source, plain, sources_[0].calls[0], deadline) : std::pair(plain, call);
      if (std::ranges::any_of(verdict.dependences, [](const loop::Dependence& one) { return !one.exact; }) || verdict.in_order)
        observe(verdict, source, call, deadline.sooner(kObserveSeconds));
    }
    if (state_.json) {
      fmt::print("{}\n", loop::write_json(verdict));
    } else {
      fmt::print("{}{}{}", alone ? "" : function + ": ", printable(loop::explain(verdict)), alone ? "" : "\n");
      for (const std::string& name : plain.steering)
        if (!sources_[0].calls[0].contains(name))
          fmt::print("a value of {0} would say more: --size {0}=NUMBER\n", printable(name));
    }
    return verdict.refused.empty() ? 0 : 1;
  }

  port::PromptArm arm() const {
    return static_cast<port::PromptArm>(std::ranges::find(port::kPromptArms, state_.arm) - std::begin(port::kPromptArms));
  }

  port::Asking asking() const {
    port::Asking asking;
    asking.chat = make_chat({settings_.llm, settings_.llm_endpoint, settings_.llm_model, settings_.llm_key});
    asking.model = settings_.llm_model.empty() ? settings_.llm.substr(0, settings_.llm.find(':')) : settings_.llm_model;
    asking.arm = arm(), asking.templates = state_.proposer != kLlmAlone;
    asking.rules.goal = state_.goal == "speed" ? port::Goal::speed : port::Goal::right;
    const auto number = [](const char* option, const std::string& word, int& to) {
      if (word.empty()) return;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), to);
      if (error != std::errc() || end != word.data() + word.size() || to < 0 || to > 100)
        refuse(option, word, "a number from 0 to 100");
    };
    number("--rounds", state_.rounds, asking.rules.with_feedback);
    number("--proposals", state_.proposals, asking.rules.anew);
    if (asking.rules.with_feedback + asking.rules.anew == 0)
      throw Error(ErrorCode::invalid_argument, "--rounds 0 --proposals 0: nobody would be asked; leave out --llm");
    asking.tokens_left = std::make_shared<std::atomic<std::int64_t>>(settings_.llm_tokens);
    return asking;
  }

  // For the first of the calls that are asked for: the whole first question to a language model.
  int show_prompt(const std::string& function, bool alone) {
    const Deadline deadline = Deadline::in(state_.seconds_each());
    const port::LoopSource source = source_of(sources_[0], function);
    const loop::Verdict plain = port::analyse(source, {}, tools_, deadline);
    if (!plain.refused.empty()) {
      fmt::print("{}: {}\n", function, printable(plain.refused));
      return 1;
    }
    const port::KernelPrompt prompt = port::kernel_prompt(
        port::kernel_facts(
            request_of(source, plain, calls_by_class(plain.function, steering_of(plain), sources_[0].calls)[0], deadline),
            arm(), deadline),
        arm());
    fmt::print("{}{}\n\n{}", alone ? "" : fmt::format("---- {}\n", function), prompt.system, prompt.user);
    return 0;
  }

  // That the C compiler takes them, as a port needs. Where there is none the verdict stands alone.
  void check_flags(const port::LoopSource& source, Deadline deadline) const {
    try {
      port::preprocessed({source.text, source.file}, {.compiler = settings_.compiler, .flags = source.flags}, deadline);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
    }
  }

  // Beside what the analysis cannot decide, what a run shows. Where there is no C compiler the verdict stands alone.
  void observe(loop::Verdict& verdict, const port::LoopSource& source, const loop::CallClass& call, Deadline deadline) const {
    port::PortRequest request;
    request.source = source, request.call = call, request.verdict = verdict, request.tools = tools_;
    try {
      verdict = port::observed(request, deadline);
    } catch (const Error& error) {
      fmt::print(stderr, "ak: not run for what it shows: {}\n", printable(error.what()));
    }
  }

  // Of a function that was read.
  void check_aliases(const loop::Function& function) const {
    if (function.parameters.empty()) return;
    for (const loop::CallClass::Alias& alias : asked_.aliases)
      for (const std::string& name : {alias.pointer, alias.base}) {
        const loop::Parameter* parameter = loop::find_parameter(function, name);
        if (!parameter || !parameter->pointer)
          throw Error(ErrorCode::invalid_argument, fmt::format("--alias: {} is no pointer of {}", name, function.name));
      }
  }

  void doing(const std::string& step) {
    const std::lock_guard lock(step_mutex_);
    step_ = step;
  }

  SignOfLife sign_of_life(const std::string& function) {
    return SignOfLife(state_.seconds_each(), [this, function](double elapsed) {
      const std::lock_guard lock(step_mutex_);
      return fmt::format("{}  {:.1f} s  {}", function, elapsed, step_);
    });
  }

  // What fails is an entry too, so that results.json has every function.
  int port_entry(const std::string& function, bool alone) {
    port::Entry entry;
    entry.name = function, entry.file = state_.file;
    chosen_.clear();
    doing(kAnalysis);
    const Deadline deadline = Deadline::in(state_.seconds_each());
    try {
      if (writes()) remove_earlier(function);
      const SignOfLife life = sign_of_life(function);
      port_one(function, entry);
    } catch (const Error& error) {
      const bool of_source = error.code() == ErrorCode::invalid_argument;             // or of the command line
      const bool late = error.code() == ErrorCode::unsupported && deadline.passed();  // whatever was under way
      if (alone && !late && (state_.out.empty() || of_source)) throw;
      entry.status = error.code() == ErrorCode::unsupported ? port::Status::budget : port::Status::refused;
      entry.why = late ? fmt::format("{:g} s are used up: --seconds gives it more", state_.seconds_each()) : error.what();
    }
    fmt::print("{}\n", port::summary(entry));
    if (entry.passed())
      for (const std::string& one : chosen_)
        fmt::print("  {} is chosen: --size {}=NUMBER says another\n", printable(one), printable(one.substr(0, one.find('='))));
    if (!entry.unpredicted.empty()) fmt::print("  {}\n", printable(entry.unpredicted));
    for (const std::string& one : entry.observed) fmt::print("  observed, not proven: {}\n", printable(one));
    std::fflush(stdout);
    results_.entries.push_back(entry);
    return entry.passed() ? 0 : 1;
  }

  // For each choice of values that what is computed depends on.
  void port_one(const std::string& function, port::Entry& entry) {
    struct Text {
      SizedSource sized;
      loop::Verdict plain;
    };
    std::vector<Text> texts;
    for (const SizedSource& sized : sources_) {
      const loop::Verdict plain = port::analyse(source_of(sized, function), {}, tools_, Deadline::in(state_.seconds_each()));
      if (texts.empty()) entry.verdict = text(plain);
      if (!plain.refused.empty()) return fail(entry, sized.macros, port::Status::refused, plain.refused);
      const auto same =
          std::find_if(texts.begin(), texts.end(), [&](const Text& t) { return t.plain.function == plain.function; });
      if (same == texts.end()) {
        texts.push_back({sized, plain});
      } else {  // no such macro in it
        same->sized.macros.clear();
        same->sized.calls.insert(same->sized.calls.end(), sized.calls.begin(), sized.calls.end());
      }
    }
    for (const auto& [sized, plain] : texts)
      for (const auto& calls : calls_by_class(plain.function, steering_of(plain), sized.calls)) {
        port_calls(source_of(sized, function), sized.macros, plain, calls, entry);
        if (!entry.passed()) return;
      }
  }

  static void fail(port::Entry& entry, const std::string& which, port::Status status, const std::string& why) {
    entry.status = status, entry.why = which.empty() ? why : which + ": " + why;
  }

  // What is asked of such calls.
  port::PortRequest request_of(const port::LoopSource& source, const loop::Verdict& plain,
                               const std::vector<loop::Values>& calls, Deadline deadline) const {
    port::PortRequest request;
    request.source = source, request.function = for_every_call(plain), request.integers = calls[0];
    if (asked_.sizes.lists()) request.sizes = calls;
    check_aliases(plain.function);
    std::tie(request.verdict, request.call) = for_call(request.source, plain, request.integers, deadline);
    request.called = !asked_.sizes.parameters(asked_.source).empty();
    request.tools = tools_;
    return request;
  }

  // Calls that one record is of.
  void port_calls(const port::LoopSource& source, const std::string& macros, const loop::Verdict& plain,
                  const std::vector<loop::Values>& calls, port::Entry& entry) {
    const Deadline deadline = Deadline::in(state_.seconds_each());
    port::PortRequest request = request_of(source, plain, calls, deadline);
    const std::vector<std::string> given = asked_.sizes.parameters(asked_.source);
    for (const auto& [name, value] : request.call.values)
      if (std::ranges::find(given, name) == given.end()) chosen_.insert(fmt::format("{}={}", name, value));
    if (const std::string only = text(request.call); !only.empty()) entry.only += (entry.only.empty() ? "" : ", ") + only;
    if (first_part(entry)) {
      entry.verdict = text(request.verdict);
      for (const loop::Finding& finding : request.verdict.findings)
        if (finding.changed && std::ranges::find(entry.changed_by, finding.module) == entry.changed_by.end())
          entry.changed_by.push_back(finding.module);
    }
    request.threads = settings_.compile_threads > 0 ? settings_.compile_threads : usable_cores();
    request.quick = state_.quick, request.bench = true;
    request.asking = asking_;
    const port::PortGpu gpu = gpu_of(request);
    const auto progress = [this](const port::PortStep& step) { doing(text(step)); };
    finish(request, macros, port::port(request, resources_ ? &gpu : nullptr, deadline, progress), entry);
    if (entry.status == port::Status::budget && deadline.passed())
      entry.why += fmt::format("{}--seconds gives it more", entry.why.empty() ? "" : ": ");
  }

  // Of who calls what this tool has just made, and nothing else.
  static Settings without_records(Settings settings) {
    settings.mode = Mode::hit;
    settings.cache_dir.clear(), settings.packs.clear();
    settings.shipped = false;
    return settings;
  }

  static bool first_part(const port::Entry& entry) { return entry.attempts.empty(); }

  port::PortGpu gpu_of(const port::PortRequest& request) {
    port::PortGpu gpu;
    gpu.resources = resources_;
    if (!resources_) return gpu;
    const auto calls = [this, &request](const LoopPlan* plan, LoopPromise promise) {
      if (!caller_) caller_ = std::make_unique<Context::Impl>(without_records(settings_));
      const LoopHost host = plan ? LoopHost() : idle_host();
      const LoopKnown known{request.source, request.function, {}, LoopPrototype(request.function), {}, false, {}, {}, {}};
      return loop_calls(caller_->loop(request.source, host, promise), known, request.call, plan);
    };
    gpu.calls = [calls](const LoopPlan* plan) { return calls(plan, {}); };
    gpu.promised_calls = [calls] { return calls(nullptr, {.unordered = true}); };
    const std::string program = find_worker(settings_.worker);
    if (settings_.isolation == Isolation::worker && !program.empty() && !not_for_two_processes())
      gpu.worker = &Worker::of(program, device_uuid());
    if (settings_.isolation == Isolation::worker) gpu.compiler = &compiler_apart(settings_.worker);
    gpu.turn = turns_on_device(store_->folder(), device_uuid());
    gpu.quarantined = [this](const Digest& kernel) { return quarantine_->why(kernel); };
    gpu.quarantine = [this](const Digest& kernel, const std::string& what) { quarantine_->add(kernel, what); };
    return gpu;
  }

  void add_attempt(const port::Tried& tried, const std::string& part, port::Entry& entry) const {
    port::Attempt attempt;
    attempt.llm = tried.asked.has_value(), attempt.what = tried.asked ? asking_->model : port::tactic_text(tried.candidate);
    attempt.status = tried.status, attempt.why = tried.why;
    if (!tried.times.empty()) attempt.us = tried.times[0];
    if (const auto& asked = tried.asked) {
      attempt.arm = name(asked->arm), attempt.anew = asked->anew, attempt.as_template = asked->as_template;
      attempt.tokens = asked->tokens, attempt.seconds = asked->seconds;
      entry.llm_tokens += asked->tokens, entry.llm_retries += asked->number > 1;
    }
    attempt.part = part;
    (part.empty() ? entry.attempts : entry.further).push_back(std::move(attempt));
  }

  void finish(const port::PortRequest& request, const std::string& macros, const port::Ported& ported, port::Entry& entry) {
    const bool first = first_part(entry);
    const std::string part = macros + (macros.empty() || request.call.values.empty() ? "" : " ") + text(request.call);
    const port::Tried* best = nullptr;
    for (const port::Tried& tried : ported.tried) {
      // Of a further part, what a language model was asked: its tokens were spent.
      if (first || tried.asked) add_attempt(tried, first ? "" : part.empty() ? "other calls" : part, entry);
      if (attempts_ && tried.asked) attempts_->add(entry, part, asking_->model, tried);
      if (tried.passed() && !best) best = &tried;
    }
    if (first || !ported.unpredicted.empty()) entry.unpredicted = ported.unpredicted;
    for (const loop::Observed& one : ported.observed)
      if (std::ranges::find(entry.observed, text(one)) == entry.observed.end()) entry.observed.push_back(text(one));
    if (!best) {
      if (ported.tried.empty())
        return fail(entry, first ? "" : part, port::Status::budget, ported.note.empty() ? "no candidate" : ported.note);
      return fail(entry, first ? "" : part, ported.tried.back().status, ported.tried.back().why);
    }
    const loop::Winner& winner = ported.winner;
    const loop::Candidate& chosen = winner.kernels.empty() ? best->candidate : winner.kernels[0];
    if (first) entry.work_class = chosen.template_name, entry.tactic = port::tactic_text(chosen);
    if (first && ported.unpredicted.empty()) entry.one_thread = port::why_one_thread(request.verdict, ported.tried, chosen);
    entry.right += best->right, entry.cases += best->cases;
    if (first) entry.note = ported.note;
    if (!state_.out.empty()) hand_over(request, first ? "" : part, ported, chosen, entry);
    if (winner.kernels.empty() || !resources_) return;
    if (const bool llms = loop::by_llm(winner); llms && settings_.llm_code != LlmCode::kept) {
      entry.kept = false;
      entry.note +=
          fmt::format("{}an LLM wrote its kernel, which AK_LLM_CODE=kept alone keeps", entry.note.empty() ? "" : "; ");
    } else {
      const std::string key = loop::winner_key(request.function, request.call, describe(hardware_), llms);
      store_->put_work({std::string(loop::kLoop), key, loop::write_json(winner), loop::pack_images(ported.images)});
      entry.kept = (first || entry.kept) && store_->persistent();
    }
    for (port::Timing timing : ported.timings) {
      if (!macros.empty()) timing.size = macros + (timing.size.empty() ? "" : " ") + timing.size;
      entry.timings.push_back(std::move(timing));
    }
  }

  void hand_over(const port::PortRequest& request, const std::string& part, const port::Ported& ported,
                 const loop::Candidate& chosen, const port::Entry& entry) const {
    const std::string& name = request.verdict.function.name;
    const auto folder = std::filesystem::path(state_.out) / (part.empty() ? name : name + " " + part);
    port::write_artifacts(folder.string(), {request.verdict.function, chosen, entry.verdict, entry.tactic, ported.facts,
                                            ported.cases, ported.timed});
  }

  // What an earlier run left of the function, which may be of another text: files that a port writes, nothing else.
  void remove_earlier(const std::string& function) const {
    const std::vector<std::string> names = port::artifact_names(function);
    std::error_code error;
    for (const auto& one : std::filesystem::directory_iterator(state_.out, error)) {
      const std::string name = one.path().filename().string();
      if (name != function && !name.starts_with(function + " ")) continue;
      const auto there = [&](const std::string& file) { return std::filesystem::is_regular_file(one.path() / file, error); };
      if (one.is_symlink(error) || !std::ranges::all_of(names, there)) continue;
      for (const std::string& file : names) std::filesystem::remove(one.path() / file, error);
      std::filesystem::remove(one.path(), error);  // where nothing is left in it
    }
  }

  bool writes() const { return !state_.out.empty(); }

  // Before anything that takes long. Whether it was not there.
  bool make_folder() const {
    std::error_code error;
    const bool made = std::filesystem::create_directories(state_.out, error);
    if (error)
      throw Error(ErrorCode::invalid_argument, fmt::format("--out: '{}' cannot be made: {}", state_.out, error.message()));
    if (access(state_.out.c_str(), W_OK | X_OK) != 0)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--out: '{}' cannot be written: {}", state_.out, std::strerror(errno)));
    return made;
  }

  void save() {
    results_.date = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
    if (resources_) results_.gpu = describe(hardware_);
    const port::CompilerOptions compiler{
        .compiler = settings_.compiler, .flags = asked_.source.flags, .optimize = port::CBench::plain()};
    results_.flags = fmt::format("{}", fmt::join(port::c_flags(compiler), " "));
    if (results_.compiler.empty()) results_.compiler = port::compiler_version(compiler, Deadline::in(10));
    results_.cpu = port::cpu_name();
    results_.cores = usable_cores();
    port::save_results((std::filesystem::path(state_.out) / "results.json").string(), results_);
  }

  const PortState& state_;
  const Settings settings_;
  Asked asked_;
  port::Tools tools_;
  std::vector<SizedSource> sources_;
  std::map<std::string, loop::Function> prototypes_;  // of several functions, where lengths are given
  port::Results results_;
  std::mutex step_mutex_;
  std::string step_;              // that is being done
  std::set<std::string> chosen_;  // "pitch=256": what the verdict needs and nothing gave
  std::optional<ContextScope> context_;
  std::unique_ptr<Context::Impl> caller_;
  Resources* resources_ = nullptr;
  Hardware hardware_;
  std::shared_ptr<Store> store_;
  std::optional<StoredQuarantine> quarantine_;
  std::optional<port::Asking> asking_;
  std::optional<AttemptsFile> attempts_;
};

}  // namespace

void add_port(Program& program) {
  auto state = std::make_shared<PortState>();
  Command command = program.add_command("port", "Make proven GPU kernels of a C function's loops");
  command.option("file", state->file, "a C source").required();
  command.option("function", state->functions, "one or more of its functions");
  command.words_behind_dashes(state->flags);
  command.footer("Words behind -- are flags of the C compiler: ak port filters.c smooth -- -Iinclude -DTAPS=5");
  command.flag("--all", state->all, "all functions with a body in the file, without static ones that have no loop");
  command.flag("--verdict", state->verdict, "what the analysis says, and nothing more");
  command.flag("--prompt", state->prompt, "what a language model would be asked, and nothing more");
  command
      .option("--prompt-arm", state->arm,
              "how much it is told: the C text alone, its verdict too, kernels of a loop like it too")
      .one_of({port::kPromptArms[0].data(), port::kPromptArms[1].data(), port::kPromptArms[2].data()})
      .shows_default();
  command.option("--llm", state->llm,
                 "asks a language model for kernels too: openai, anthropic or mailbox:DIR (AK_LLM_MODEL, AK_LLM_KEY)");
  command.option("--proposer", state->proposer, "whose kernels are tried: template, llm or both; with --llm both")
      .one_of({kTemplates, kLlmAlone, kBoth});
  command
      .option("--for", state->goal,
              "when a language model's attempts end: with the first right one, or for speed when all are made")
      .one_of({"right", "speed"})
      .shows_default();
  command.option("--rounds", state->rounds,
                 "how many answers it is asked for that are told of the one before and what was wrong with that (5)");
  command.option("--proposals", state->proposals, "how many it is asked for behind them that know of none before (5)");
  command.option("--attempts", state->attempts,
                 "a file for each of its attempts: a line of JSON with prompt, reply, class and times");
  command.flag("--json", state->json, "with --verdict: JSON instead of text");
  command.option("--size", state->sizes,
                 "NAME=NUMBER[,NUMBER...], rising: an integer parameter or a macro of the file, in the calls that are timed");
  command.option("--length", state->lengths,
                 "ARRAY=LENGTH: of a parameter whose length neither its text nor its subscripts tell");
  command.option("--alias", state->aliases, "A=B+NUMBER: array A begins so many elements behind B");
  command.option("--body", state->body, "the body of the loop over this variable, instead of the whole function");
  command.option("--drop", state->drops, "a function whose calls are left out");
  command.option("--seconds", state->seconds, "wall seconds for each function (60; with --llm 600)").seconds_above_zero();
  command.flag("--quick", state->quick, "fewer cases, as a first call within its budget");
  command.option("--out", state->out,
                 "a folder for results.json, and for each function its kernels with a launcher, a test and a benchmark");
  state->search.add_cache_to(command);
  command.on_run([state] {
    if (state->json && !state->verdict) throw Error(ErrorCode::invalid_argument, "--json: it goes with --verdict");
    if (state->llm.empty() && !state->attempts.empty())
      throw Error(ErrorCode::invalid_argument, "--attempts: it goes with --llm");
    if (state->llm.empty() && !(state->rounds + state->proposals).empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: it goes with --llm", state->rounds.empty() ? "--proposals" : "--rounds"));
    if (!state->proposer.empty() && state->llm.empty() != (state->proposer == kTemplates))
      throw Error(ErrorCode::invalid_argument, fmt::format("--proposer {}: it {} --llm", state->proposer,
                                                           state->llm.empty() ? "goes with" : "does not go with"));
    if (state->prompt && state->verdict) throw Error(ErrorCode::invalid_argument, "--prompt: it does not go with --verdict");
    if (state->prompt && !state->out.empty()) throw Error(ErrorCode::invalid_argument, "--out: it does not go with --prompt");
    if (state->verdict && !state->out.empty()) throw Error(ErrorCode::invalid_argument, "--out: it does not go with --verdict");
    return Ports(*state).run();
  });
}

}  // namespace ak::cli
