// A trace against a verdict: what happened must have been predicted.
#pragma once

#include <string>
#include <vector>

#include "loop/verdict.hpp"
#include "port/c/trace.hpp"
#include "port/cases/case_plan.hpp"

namespace ak::port {

/// Few cases that show much and are soon run, of which the verdict holds.
std::vector<Case> cases_to_trace(const CasePlan& plan, const loop::Verdict& verdict);

/// What a trace showed that the verdict must know of.
struct TraceCheck {
  std::string unpredicted;               // the first dependence that the verdict does not predict, in words; empty: none
  std::vector<loop::Observed> observed;  // those of which it does not know whether they happen
};
/// Statements are known again by their lines, and loops by theirs. Where the analysis moved a read to another statement, or
/// made one statement of several, any that accesses the array counts.
TraceCheck check(const loop::Verdict& verdict, const std::vector<TracedDependence>& traced);

/// Of some of the plan's cases. Throws as Tracer::run does.
TraceCheck check(const loop::Verdict& verdict, Tracer& tracer, const CasePlan& plan, Deadline deadline);

}  // namespace ak::port
