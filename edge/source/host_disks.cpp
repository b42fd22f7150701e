#include "edge/source/host_disks.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

namespace tributary::edge {
namespace {

constexpr std::string_view kMounts = "/proc/self/mountinfo";

// File systems whose bytes are on a disk, a card or a flash chip of this machine, and which can be
// full.
constexpr std::array<std::string_view, 19> kLocal{
    "ext2", "ext3",  "ext4",  "xfs",   "btrfs", "f2fs",   "zfs",    "bcachefs", "jfs", "reiserfs",
    "vfat", "exfat", "ntfs3", "ubifs", "jffs2", "yaffs2", "nilfs2", "hfsplus",  "ufs"};

struct Mount {
  std::string device;  // major:minor
  std::string root;    // the part of the file system that is mounted
  std::string point;
  std::string type;
  std::string source;
};

// The kernel writes blanks and backslashes as \040, three octal digits.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_octal = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(i + 1) && is_octal(i + 2) &&
        is_octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// proc(5): id, parent, device, root, mount point, options, any number of tags, "-", type, source.
std::optional<Mount> parse(std::string_view line) {
  Mount mount;
  take_word(line);
  take_word(line);
  mount.device = take_word(line);
  mount.root = take_word(line);
  mount.point = unescape(take_word(line));
  while (!line.empty() && take_word(line) != "-") {
  }
  mount.type = take_word(line);
  mount.source = take_word(line);
  if (!mount.point.starts_with('/') || mount.source.empty()) return std::nullopt;
  return mount;
}

// Parts of a file system that are mounted elsewhere once more (containers, services in a sandbox)
// say nothing new; those of btrfs are its subvolumes. An overlay is a container's, but the root of
// many a gateway, too.
bool is_default(const Mount& mount) {
  if (mount.point == "/" && mount.type == "overlay") return true;
  return std::ranges::find(kLocal, mount.type) != kLocal.end() &&
         !mount.source.starts_with("/dev/loop") &&
         (mount.point == "/" || mount.root == "/" || mount.type == "btrfs");
}

std::string prefix_of(std::string_view point) {
  return joined({"disk_", point == "/" ? "root" : name_part(point.substr(1)), "_"});
}

void read_disk(const HostFiles& files, const Mount& mount, HostReading& to) {
  const auto prefix = prefix_of(mount.point);
  struct statvfs found{};
  if (::statvfs(files.real(mount.point).c_str(), &found) != 0) {
    return to.miss({prefix}, {fail_errno(mount.point).error().message()});
  }
  const auto bytes = [&](fsblkcnt_t blocks) {
    return static_cast<double>(blocks) * static_cast<double>(found.f_frsize);
  };
  const auto size = bytes(found.f_blocks);
  if (size <= 0) return to.miss({prefix}, {mount.point, ": ", mount.type, " tells no size"});
  const auto used = size - bytes(found.f_bfree);
  const auto free = bytes(found.f_bavail);
  const auto source = joined({mount.source, " on ", mount.point});
  to.add({prefix, "size_bytes"}, size, source);
  to.add({prefix, "free_bytes"}, free, source);
  if (used + free > 0) to.add({prefix, "used_percent"}, 100 * used / (used + free), source);
}

}  // namespace

void read_disks(const HostFiles& files, const std::vector<std::string>& mounts, HostReading& to) {
  auto lines = files.open(kMounts);
  if (!lines) return to.miss({"disk_"}, {lines.error().message()});
  std::vector<Mount> found;
  std::string_view line;
  while (true) {
    const auto more = lines->next(line);
    if (!more) to.miss({"disk_"}, {more.error().message()});
    if (!more || !*more) break;
    auto mount = parse(line);
    if (!mount) continue;
    // What is mounted over another one hides it.
    std::erase_if(found, [&](const Mount& other) { return other.point == mount->point; });
    const bool wanted = mounts.empty() ? is_default(*mount)
                                       : std::ranges::find(mounts, mount->point) != mounts.end();
    if (!wanted) continue;
    // By default one device is told once.
    const bool told = mounts.empty() && std::ranges::any_of(found, [&](const Mount& other) {
                        return other.device == mount->device;
                      });
    if (!told) found.push_back(*std::move(mount));
  }
  for (const auto& point : mounts) {
    if (std::ranges::find(found, point, &Mount::point) == found.end()) {
      to.miss({prefix_of(point)}, {"nothing is mounted on ", point});
    }
  }
  if (mounts.empty() && found.empty()) {
    to.miss({"disk_"}, {kMounts, " has no file system of a disk here"});
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i < kHostMountsMax) {
      read_disk(files, found[i], to);
    } else {
      to.miss({prefix_of(found[i].point)}, {"is over the limit of 16 file systems"});
    }
  }
}

}  // namespace tributary::edge
