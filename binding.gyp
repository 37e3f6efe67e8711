# The addons: build/Release/{forebear,service}.node, built by scripts/build against the pinned runtime's headers.
# libbpf is linked as the shared library: Debian's libbpf.a is not position-independent.
{
  "targets": [
    {
      "target_name": "forebear",
      "sources": ["native/addon.cc", "native/bridge.cc", "native/inventory.cc", "native/loading.cc", "native/probe.cc", "native/reader.cc", "native/ring.cc", "native/sources.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-unused-parameter", "-fvisibility=hidden"],
      # An installed addon has libbpf and what that needs beside it. Not the newer RUNPATH: it would not hold for libbpf's own needs.
      "ldflags": ["-Wl,--disable-new-dtags,-rpath,'$$ORIGIN'"],
      "libraries": ["-lbpf"]
    },
    {
      "target_name": "service",
      "sources": ["native/service.cc"],
      "defines": ["NAPI_VERSION=9"],
      "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti"],
      "ldflags": ["-Wl,--as-needed"]
    }
  ]
}
