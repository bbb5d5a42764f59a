#include "port/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/terminal.hpp"
#include "base/text.hpp"
#include "port/report/figures.hpp"
#include "port/report/report_llm.hpp"
#include "port/report/section.hpp"

namespace ak::port {
namespace {

struct Row {
  const Entry* entry;
  const Timing* timing;
  std::optional<SpeedUp> speed_up;
};
using Rows = std::vector<Row>;
using Groups = std::map<std::string, Rows>;

// Nothing where the kernel is not right: its time says nothing.
Row row(const Entry& e, std::size_t size, const Comparison& comparison) {
  const bool counts = (e.passed() || e.status == Status::timeout) && size < e.timings.size();
  return counts ? Row{&e, &e.timings[size], speed_up(e.timings[size], comparison)} : Row{&e, nullptr, {}};
}

// With a speed-up at their own size.
Rows own_sizes(const Results& results, const Comparison& comparison) {
  Rows rows;
  for (const Entry& e : results.entries)
    if (const Row each = row(e, 0, comparison); each.speed_up) rows.push_back(each);
  return rows;
}

Figures figures_of(const Rows& rows) {
  std::vector<double> times;
  for (const Row& each : rows)
    if (each.speed_up) times.push_back(each.speed_up->times);
  return figures(std::move(times));
}

struct Causes {
  std::array<std::size_t, std::size(kStatusNames)> counts{};
  std::size_t all = 0;

  void add(Status status) {
    if (status != Status::passed) ++counts[static_cast<std::size_t>(status)], ++all;
  }
  // ": 1 refused, 2 race".
  std::string shown() const {
    std::string out;
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (counts[i]) out += fmt::format("{}{} {}", out.empty() ? ": " : ", ", counts[i], kStatusNames[i]);
    return out;
  }
};

class Report {
 public:
  Report(const Results& results, const Results* older) : results_(results) {
    for (const Entry& e : results.entries) by_name_[e.name].push_back(row(e, 0, kResident));
    add_run();
    add_speed_ups();
    add_groups();
    add_narrow();
    add_failures();
    add_one_thread();
    add_extremes();
    add_attempts();
    for (Section& section : llm_sections(results)) sections_.push_back(std::move(section));
    add_timeouts();
    add_notes();
    if (older) add_changes(*older);
  }

  std::string text(Markup markup) const {
    std::string out;
    for (const Section& s : sections_) out += (out.empty() ? "" : "\n") + (markup == Markup::text ? s.text() : s.markdown());
    return out;
  }

 private:
  Section& add(std::string_view title, std::string_view head = {}) { return sections_.emplace_back(title, head); }
  void add_if_any(const Section& section) {
    if (section.has_rows()) sections_.push_back(section);
  }

  // With its file where others have its name.
  std::string shown_name(const Entry& e) const {
    const auto same = by_name_.find(e.name);
    return same != by_name_.end() && same->second.size() > 1 ? e.file + ":" + e.name : e.name;
  }
  std::string listed(const std::vector<const Entry*>& entries, std::size_t most) const {
    std::string out;
    for (std::size_t i = 0; i < entries.size() && i < most; ++i) out += (i ? ", " : "") + plain(shown_name(*entries[i]));
    return entries.size() > most ? fmt::format("{} and {} more", out, entries.size() - most) : out;
  }

  void add_run() {
    Section& s = add(results_.date.empty() ? "Loops" : "Loops, " + plain(results_.date));
    const auto say = [&](const char* what, const std::string& value) {
      if (!value.empty()) s.line(fmt::format("{}: {}", what, plain(value)));
    };
    say("GPU", results_.gpu.empty() ? "none" : results_.gpu);
    say("CPU",
        results_.cpu + (results_.cores ? fmt::format(", {}", counted(static_cast<std::size_t>(results_.cores), "core")) : ""));
    say("clocks", results_.clocks);
    say("C", std::string(trimmed(results_.compiler + " " + results_.flags)));
    Causes causes;
    std::size_t untimed = 0, kept = 0, asked = 0;
    std::int64_t tokens = 0, retries = 0;
    for (const Entry& e : results_.entries) {
      causes.add(e.status);
      untimed += e.passed() && e.timings.empty();
      kept += e.kept;
      asked += std::ranges::any_of(e.attempts, &Attempt::llm);
      tokens += e.llm_tokens, retries += e.llm_retries;
    }
    const std::size_t all = results_.entries.size(), passed = all - causes.all;
    s.line(fmt::format("{}: {} passed ({}), {} kept, {} not timed", counted(all, "function"), passed, share(passed, all), kept,
                       untimed));
    if (causes.all) s.line(fmt::format("{} failed{}", causes.all, causes.shown()));
    if (asked)
      s.line(fmt::format("an LLM was asked for {}: {} retries, {} tokens", counted(asked, "function"), retries, tokens));
  }

  void add_speed_ups() {
    Section& s =
        add("Speed-ups",
            "comparison|size|>functions|>>= 2|>1.5-2|>1-1.5|>0.5-1|>0.1-0.5|>< 0.1|>>= 1|>mean|>median|>geomean|>min|>max");
    for (const Comparison& comparison : kComparisons) {
      const Rows own = own_sizes(results_, comparison);
      const bool alike = std::ranges::all_of(own, [&](const Row& r) { return r.timing->size == own[0].timing->size; });
      add_distribution(s, comparison, alike && !own.empty() ? own[0].timing->size : "its own", own);
      Groups further;
      for (const Entry& e : results_.entries)
        for (std::size_t i = 1; i < e.timings.size(); ++i)
          if (const Row each = row(e, i, comparison); each.speed_up) further[each.timing->size].push_back(each);
      Rows rare;  // sizes of fewer than a tenth of the functions
      for (const auto& [size, rows] : further)
        if (rows.size() * 10 >= results_.entries.size())
          add_distribution(s, comparison, size, rows);
        else
          rare.insert(rare.end(), rows.begin(), rows.end());
      add_distribution(s, comparison, "others", rare);
    }
    if (!s.has_rows()) s.line("nothing was timed");
  }

  static void add_distribution(Section& s, const Comparison& comparison, const std::string& size, const Rows& rows) {
    if (rows.empty()) return;
    const Figures f = figures_of(rows);
    s << comparison.name << size << rows.size();
    for (const std::size_t count : f.bins) s << count;
    s << share(f.at_least_1, rows.size()) << f.mean << f.median << f.geomean << f.least << f.most;
    const auto say_bounded = [&](SpeedUp::Bound bound, ArmId arm, const char* what) {
      std::size_t count = 0;
      for (const Row& each : rows) count += each.speed_up->bound == bound;
      if (count)
        s.line(fmt::format("{}, {}: {} with the {} that it can be, as {} timed out", comparison.name, plain(size), count, what,
                           name(arm)));
    };
    say_bounded(SpeedUp::Bound::least, comparison.base, "least");
    say_bounded(SpeedUp::Bound::most, comparison.ours, "most");
  }

  void add_groups() {
    Groups classes, modules;
    for (const Entry& e : results_.entries) {
      classes[e.work_class].push_back(row(e, 0, kResident));
      for (const std::string& module : e.changed_by) modules[module].push_back(row(e, 0, kResident));
    }
    constexpr std::string_view kHead = "|>functions|>passed|>timed|>mean|>geomean|>min|>max|functions";
    Section by_class("By class, resident", kHead), by_module("Verdicts that an analysis module changed, resident", kHead);
    add_figures(by_class, classes);
    add_figures(by_module, modules);
    add_if_any(by_class);
    add_if_any(by_module);
  }

  void add_figures(Section& s, const Groups& groups) const {
    for (const auto& [word, rows] : groups) {
      const Figures f = figures_of(rows);
      std::size_t passed = 0;
      std::vector<const Entry*> entries;
      for (const Row& each : rows) passed += each.entry->passed(), entries.push_back(each.entry);
      s << (word.empty() ? "-" : word) << rows.size() << passed << f.count << f.mean << f.geomean << f.least << f.most
        << listed(entries, 3);
    }
  }

  void add_narrow() {
    Section s("Right for some calls alone", "function|class|only for");
    for (const Entry& e : results_.entries)
      if (e.passed() && !e.only.empty()) s << shown_name(e) << e.work_class << e.only;
    add_if_any(s);
  }

  void add_failures() {
    Section s("Failures", "function|class|cause|why");
    for (const Entry& e : results_.entries)
      if (!e.passed()) s << shown_name(e) << e.work_class << name(e.status) << e.why;
    add_if_any(s);
  }

  void add_one_thread() {
    Section s("One GPU thread", "function|verdict|because");
    for (const Entry& e : results_.entries)
      if (!e.one_thread.empty()) s << shown_name(e) << e.verdict << e.one_thread;
    add_if_any(s);
  }

  void add_extremes() {
    constexpr std::size_t kTen = 10;
    Rows rows = own_sizes(results_, kResident);
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return a.speed_up->times != b.speed_up->times ? a.speed_up->times > b.speed_up->times : a.entry < b.entry;
    });
    constexpr std::string_view kHead = "function|class|size|>C|>kernel|>speed-up|tactic";
    Section top("Top ten, resident", kHead), bottom("Bottom ten, resident", kHead);
    const auto add_row = [&](Section& s, const Row& r) {
      s << shown_name(*r.entry) << r.entry->work_class << r.timing->size << (*r.timing)[ArmId::c] << (*r.timing)[ArmId::kernel]
        << r.speed_up << r.entry->tactic;
    };
    for (std::size_t i = 0; i < rows.size() && i < kTen; ++i) add_row(top, rows[i]), add_row(bottom, rows[rows.size() - 1 - i]);
    add_if_any(top);
    add_if_any(bottom);
  }

  // Which attempt of each function was the first to pass.
  void add_attempts() {
    constexpr std::size_t kShown = 10;
    std::array<std::size_t, kShown + 1> by_template{}, by_llm{};
    Causes causes;
    std::size_t tried = 0, late = 0;
    for (const Entry& e : results_.entries) {
      tried += !e.attempts.empty();
      for (const Attempt& a : e.attempts) causes.add(a.status), late += a.late();
      std::size_t first = 0;
      while (first < e.attempts.size() && e.attempts[first].status != Status::passed) ++first;
      if (first < e.attempts.size()) ++(e.attempts[first].llm ? by_llm : by_template)[std::min(first, kShown)];
    }
    if (!tried) return;
    Section& s = add("Attempts", "first to pass|>by template|>by LLM|>share|>so far|>share so far");
    s.line(fmt::format("{} with attempts; {} failed{}", counted(tried, "function"), counted(causes.all, "attempt"),
                       causes.shown()));
    if (late) s.line(fmt::format("{} not tried in time: --seconds gives more", counted(late, "candidate")));
    std::size_t so_far = 0;
    for (std::size_t i = 0; i <= kShown; ++i) {
      const std::size_t here = by_template[i] + by_llm[i];
      so_far += here;
      if (here)
        s << (i < kShown ? fmt::format("try {}", i + 1) : "a later try") << by_template[i] << by_llm[i] << share(here, tried)
          << so_far << share(so_far, tried);
    }
  }

  void add_timeouts() {
    Section ended("Timeouts", "what timed out|function|size|>C|>kernel|>speed-up");
    Section early("Stopped early", "function|size|>C|>C's runs|>kernel|>kernel's runs|>speed-up|>at least");
    std::size_t of_c = 0, of_kernel = 0, of_both = 0, of_others = 0;
    for (const Entry& e : results_.entries)
      for (const Timing& t : e.timings) {
        const Arm &c = t[ArmId::c], &kernel = t[ArmId::kernel];
        std::string what;
        for (std::size_t i = 0; i < t.arms.size(); ++i)
          if (t.arms[i].timed_out) what.append(what.empty() ? "" : ", ") += kArmNames[i];
        if (!what.empty()) {
          ++(c.timed_out && kernel.timed_out ? of_both : c.timed_out ? of_c : kernel.timed_out ? of_kernel : of_others);
          ended << what << shown_name(e) << t.size << c << kernel << speed_up(t, kResident);
        } else if (c.timed() && kernel.timed() && std::min(c.runs, kernel.runs) < results_.runs) {
          early << shown_name(e) << t.size << c << static_cast<std::size_t>(c.runs) << kernel
                << static_cast<std::size_t>(kernel.runs) << speed_up(t, kResident) << c.least_us / kernel.us;
        }
      }
    ended.line(fmt::format("C alone {}, the kernel alone {}, both {}, others {}", of_c, of_kernel, of_both, of_others));
    early.line(fmt::format("fewer than {} runs; at least: C's fastest run over the kernel's median", results_.runs));
    add_if_any(ended);
    add_if_any(early);
  }

  void add_notes() {
    Section s("Left out", "what|>functions|functions");
    std::map<std::string, std::vector<const Entry*>> by_note;
    for (const Entry& e : results_.entries)
      if (e.passed() && !e.note.empty()) by_note[e.note].push_back(&e);
    for (const auto& [note, entries] : by_note) s << note << entries.size() << listed(entries, 5);
    add_if_any(s);
  }

  void add_changes(const Results& older) {
    const Changes c = changes(older, results_);
    Section& s = add("Against " + plain(older.date));
    const auto say_if_other = [&](const char* what, const std::string& before, const std::string& now) {
      if (before != now) s.line(fmt::format("another {}: {}, before {}", what, plain(now), plain(before)));
    };
    say_if_other("GPU", older.gpu, results_.gpu);
    say_if_other("CPU", older.cpu, results_.cpu);
    say_if_other("C compiler", older.compiler + " " + older.flags, results_.compiler + " " + results_.flags);
    std::size_t passed = 0, passed_before = 0;
    for (const auto& [before, now] : c.both) passed += now->passed(), passed_before += before->passed();
    s.line(fmt::format("{} in both: {} passed, before {}", counted(c.both.size(), "function"), passed, passed_before));
    s.line(fmt::format("resident geomean {}, before {}", shown_times(figures_of(own_sizes(results_, kResident)).geomean),
                       shown_times(figures_of(own_sizes(older, kResident)).geomean)));
    if (!c.added.empty()) s.line(fmt::format("{} new: {}", c.added.size(), listed(c.added, 20)));
    if (!c.removed.empty()) s.line(fmt::format("{} gone: {}", c.removed.size(), listed(c.removed, 20)));
    s.line(fmt::format("{} failed anew, {} mended, {} faster and {} slower by more than 10 %", c.failed.size(), c.mended.size(),
                       c.faster.size(), c.slower.size()));
    Section failed("New failures", "function|class before|cause|why"),
        mended("Mended", "function|class|cause before|why before");
    for (const auto& [before, now] : c.failed)
      failed << shown_name(*now) << before->work_class << name(now->status) << now->why;
    for (const auto& [before, now] : c.mended)
      mended << shown_name(*now) << now->work_class << name(before->status) << before->why;
    add_if_any(failed);
    add_if_any(mended);
    add_moved("Faster", c.faster);
    add_moved("Slower", c.slower);
  }

  void add_moved(const char* title, const std::vector<Changes::Moved>& moved) {
    Section s(title, "function|size|>kernel before|>kernel|>before / now|>C before|>C|tactic before|tactic");
    for (const Changes::Moved& m : moved)
      s << shown_name(*m.of.now) << m.now->size << (*m.before)[ArmId::kernel] << (*m.now)[ArmId::kernel]
        << std::optional(m.times) << (*m.before)[ArmId::c] << (*m.now)[ArmId::c] << m.of.before->tactic << m.of.now->tactic;
    add_if_any(s);
  }

  const Results& results_;
  Groups by_name_;
  std::vector<Section> sections_;
};

}  // namespace

std::string report(const Results& results, const Results* older, Markup markup) { return Report(results, older).text(markup); }

std::string report_files(const std::string& file, const std::string& older, Markup markup) {
  const Results results = load_results(file);
  if (older.empty()) return report(results, nullptr, markup);
  const Results before = load_results(older);
  return report(results, &before, markup);
}

namespace {

// "LLM right at attempt 2, 4120 tokens".
std::string llm_summary(const Entry& e) {
  std::size_t made = 0, right = 0;
  for (const Attempt& attempt : e.attempts) {
    if (!attempt.llm) continue;
    ++made;
    if (attempt.status == Status::passed && right == 0) right = made;
  }
  if (made == 0) return {};
  return fmt::format("LLM {}, {} tokens",
                     right ? fmt::format("right at attempt {}", right) : fmt::format("wrong in {}", counted(made, "attempt")),
                     e.llm_tokens);
}

}  // namespace

std::string summary(const Entry& e) {
  std::string out = plain(e.name);
  const auto add = [&](std::string_view before, std::string_view what) {
    if (!what.empty() && what != "-") out.append(before) += plain(what);
  };
  if (e.verdict != "refused") add("  ", e.verdict);  // which the status says
  add("  ", e.tactic);
  if (e.cases) add("  ", fmt::format("right {}/{}", e.right, e.cases));
  if (!e.passed()) {
    add("  ", name(e.status));
    add(": ", e.why);
    add("  ", llm_summary(e));
    return out;
  }
  if (e.timings.empty()) {
    add("  ", "proven, not timed");
  } else {
    const Timing& t = e.timings[0];
    add("  ", shown(t[ArmId::kernel]));
    add("  C ", shown(t[ArmId::c]));
    add(" ", shown(speed_up(t, kResident)));
    add("  moved ", shown(t[ArmId::moved]));
  }
  if (!e.only.empty()) add("  only for ", e.only);
  add("  ", llm_summary(e));
  if (e.kept) add("  ", "kept");
  if (const auto late = std::ranges::count_if(e.attempts, &Attempt::late))
    add("  ", fmt::format("{} of {} not tried in time (--seconds)", late, counted(e.attempts.size(), "candidate")));
  add(e.work_class.find('+') == e.work_class.npos ? "  one GPU thread, because " : "  one GPU thread for a part, because ",
      e.one_thread);
  return out;
}

}  // namespace ak::port
