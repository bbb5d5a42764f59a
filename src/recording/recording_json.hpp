// A recording's JSON, both ways.
#pragma once

#include <string>
#include <string_view>

#include "recording/recording.hpp"

namespace ak::recording_json {

std::string header_line(const RecordingHeader& header);  // one line: a .part's first
std::string trial_line(const RecordedTrial& trial);      // one line
std::string document(const Recording& recording);

/// All three throw Error{invalid_argument} "recording <file>: <field>: <what is wrong>".
RecordingHeader parse_header(const std::string& file, std::string_view text);
RecordedTrial parse_trial(const std::string& file, std::string_view text);
Recording parse_document(const std::string& file, std::string_view text);

}  // namespace ak::recording_json
