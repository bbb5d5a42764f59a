// A shared library opened at run time, preferring a copy already in the process.
#pragma once

#include <initializer_list>
#include <string>

namespace ak {

class SharedLibrary {
 public:
  /// what: in words; messages name the file besides. Tries each name among the loaded libraries, then each on the loader's
  /// path, then each in the toolkit's usual folders ($CUDA_HOME/lib64, $CUDA_PATH/lib64, /usr/local/cuda/lib64). Not found is
  /// not an error here: ask found().
  SharedLibrary(std::string what, std::initializer_list<const char*> names);

  /// "13.1.0.3" of the file that would be opened, without opening it: of the copy in the process, else in the loader's usual
  /// folders (LD_LIBRARY_PATH, ld.so.conf, the system's) and the toolkit's. Empty where no file or no version is found. An
  /// application's RPATH is not followed: whoever finds a difference opens the library to be sure.
  static std::string version_on_disk(std::initializer_list<const char*> names);

  /// The file of the copy that is in the process; empty where none is.
  static std::string path_in_process(std::initializer_list<const char*> names);

  bool found() const { return handle_ != nullptr; }
  const std::string& what() const { return what_; }
  const std::string& error() const { return error_; }
  /// Of the file that was opened; empty where none was.
  std::string path() const;

  /// Opens a companion from this library's own folder, so that it finds it by bare name later. Quietly nothing when not there.
  void open_beside(const std::string& name) const;

  void* try_symbol(const char* name) const;
  /// Throws Error{missing_library} that names the library or the symbol.
  void* symbol(const char* name) const;

  template <class F>
  void bind(F*& function, const char* name) const {
    function = reinterpret_cast<F*>(symbol(name));
  }

 private:
  void open(std::initializer_list<const char*> names);

  std::string what_, error_;
  void* handle_ = nullptr;  // never closed: its threads and atexit handlers outlive us
};

}  // namespace ak
