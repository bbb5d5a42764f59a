// A library built with AK_WITH_LLM=OFF: works, and refuses an LLM by the option's name.
#include <ak/ak.hpp>
#include <iostream>
#include <string>

int main() {
  ak::Options options;
  options.cache_dir = "";
  const ak::Context context(options);
  for (const char* llm : {"openai", "anthropic", "mailbox:/tmp"}) {
    options.llm = llm;
    try {
      const ak::Context refused(options);
      return 1;
    } catch (const ak::Error& error) {
      std::cout << error.what() << "\n";
      if (error.code() != ak::ErrorCode::unsupported) return 1;
      if (std::string(error.what()).find("AK_WITH_LLM=OFF") == std::string::npos) return 1;
    }
  }
}
