// One file for each module of the analysis; each finds one thing and says what it found.
#pragma once

#include "analyser/nest.hpp"

namespace ak::analyser::flow {

// reduction.cpp
/// Scalars that are set where an extremum moves belong to its piece.
void add_position_edges(Nest& nest);
std::optional<loop::Reduction> find_reduction(const Nest& nest, const Piece& piece);

// recurrence.cpp
/// What sets a scalar anew belongs to the cycle that the scalar goes round, as a side of it: `if (a[i]) run++; else run = 0;`.
void add_reset_edges(Nest& nest);
/// Sets kind and recurrence of a piece that is no reduction.
void find_recurrence(const Nest& nest, Piece& piece);

// wavefront.cpp
bool is_wavefront(const Nest& nest, const Piece& piece);

/// The kind of a piece with carried edges: counter, reduction, recurrence, in this order.
void classify(const Nest& nest, Piece& piece);

/// Whether the group runs the loop's iterations one after the other: then nothing needs to be said of what they overwrite.
bool in_order(const loop::Group& group, int loop);
bool is_parallel(const loop::Group& group, int loop);

// write_after_read.cpp, overwrites.cpp, scalar_expansion.cpp
void note_anti(const Nest& nest, std::vector<loop::Group>& groups);
void note_output(const Nest& nest, std::vector<loop::Group>& groups);
void note_expansion(const Nest& nest, std::vector<loop::Group>& groups);

// thresholds.cpp
/// Cuts one loop in two where all values that iterations leave to others pass; false where there is none. `notes` follow.
bool cut_at_threshold(const Model& model, const std::vector<Dependence>& dependences, loop::Function& function,
                      std::vector<loop::Note>& notes);

// access_pattern.cpp
/// Fills accesses, bytes and operations.
void describe_accesses(const Model& model, loop::Verdict& verdict);

// missing_facts.cpp
/// Adds a finding for each fact of a call that a sequential or scattered group lacks, and says how to give it.
void find_missing_facts(const Model& model, const std::vector<Dependence>& dependences, const Facts& facts,
                        loop::Verdict& verdict);
/// Where a finding says to give a parameter and others steer the verdict (Verdict::steering), it names these.
void name_what_steers(loop::Verdict& verdict);

// extents.cpp
/// Adds a finding for each subscript that leaves its array whenever its statement runs, but for a few small sizes.
void find_out_of_extents(const Model& model, loop::Verdict& verdict);
/// What to say where a pointer into a row may leave it, so that what meets cannot be told by subscripts.
std::string left_row(const Model& model, const Facts& facts, const loop::Function& function);

// lengths.cpp
/// Sets the extents of pointers whose length the text leaves open: to what the call says, without isl; then to the largest
/// subscript. What to say where one cannot be known.
void set_given_lengths(const Facts& facts, loop::Function& function);
std::string set_lengths(const Model& model, loop::Function& function);
std::string unknown_length(const loop::Function& function);

}  // namespace ak::analyser::flow
