#include "shared/log/recovery.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "shared/log/position.h"
#include "shared/log/replace_file.h"
#include "shared/log/scan.h"

namespace tributary {
namespace {

constexpr Sequence kNoSegment{~std::uint64_t{0}};  // after the last one

struct SegmentFile {
  std::string name;
  Sequence first;  // as the name says
  std::uint64_t size = 0;
  std::optional<SegmentHeader> header;  // none: damaged
  std::optional<Id> guess;              // of the log's id, when the header is damaged
};

struct CursorState {
  std::string name;
  std::vector<CursorSlot> slots;  // newest first
};

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// A segment as a scan found it.
struct Scanned {
  std::shared_ptr<Segment> segment;
  std::uint64_t records = 0;
  std::vector<Range> damages;
  std::uint64_t torn = 0;  // bytes after `segment->end` that no next segment makes void
};

class Recoverer {
 public:
  Recoverer(FileSystem& files, const LogOptions& options, DamagedStore& damaged)
      : files_(files), options_(options), directory_(options.directory), damaged_(damaged) {}

  // Whether run() failed because it had read what was in the page cache alone, which is gone now.
  [[nodiscard]] bool read_more_than_the_disk_has() const { return read_more_than_the_disk_has_; }
  [[nodiscard]] const Recovery& report() const { return recovered_.report; }

  Result<Recovered> run() {
    TRIBUTARY_TRY(look());
    TRIBUTARY_TRY(choose_id());
    TRIBUTARY_TRY(scan_segments());
    find_next();
    clear_away();
    keep_damaged();
    TRIBUTARY_TRY(settle_last());
    TRIBUTARY_TRY(hold_next());
    for (const auto& file : junk_) set_aside(file.name, "has no record of this log");
    TRIBUTARY_TRY(restore_cursors());
    count_gaps();
    recovered_.committed = {next_.value - 1};
    return std::move(recovered_);
  }

 private:
  Result<void> look();
  Result<void> look_at_segment(const std::string& name, Sequence first);
  Result<void> choose_id();
  Result<std::optional<Id>> confirmed_guess();
  Result<void> scan_segments();
  Result<Scanned> scan(const SegmentFile& file, Sequence before);
  void find_next();
  void clear_away();
  void keep_damaged();
  Result<void> hold_next();
  Result<void> settle_last();
  Result<void> settle_in_place(const Segment& segment);
  Result<void> sync_in_place(const std::string& name);
  std::unexpected<Error> disk_has_less(const std::string& name);
  Result<void> restore_cursors();
  Result<Recovered::Cursor> restore_cursor(const std::string& name);
  void count_gaps();

  [[nodiscard]] const CursorSlot* own_slot(const CursorState& cursor) const;
  [[nodiscard]] bool is_named(const CursorState& cursor) const;
  void set_aside(const std::string& name, std::string_view why);
  void note(std::string sentence) { recovered_.report.notes.push_back(std::move(sentence)); }

  FileSystem& files_;
  const LogOptions& options_;
  const std::filesystem::path directory_;
  DamagedStore& damaged_;

  std::vector<SegmentFile> files_found_;  // ascending
  std::vector<CursorState> cursors_found_;
  std::vector<std::string> unfinished_;
  std::vector<SegmentFile> junk_;  // of our name, without one record of ours
  std::vector<std::string> foreign_;
  std::vector<Scanned> scanned_;  // ascending
  Sequence next_{1};
  bool read_more_than_the_disk_has_ = false;
  Recovered recovered_;
};

Result<void> Recoverer::look() {
  TRIBUTARY_ASSIGN(const auto names, files_.list(directory_));
  for (const auto& name : names) {
    if (name.ends_with(kUnfinishedEnd)) {
      unfinished_.push_back(name);
    } else if (const auto first = parse_segment_name(name)) {
      TRIBUTARY_TRY(look_at_segment(name, *first));
    } else if (name.ends_with(kCursorNameEnd)) {
      auto cursor = name.substr(0, name.size() - kCursorNameEnd.size());
      if (!is_cursor_name(cursor)) continue;
      TRIBUTARY_ASSIGN(auto slots, read_cursor_file(files_, directory_ / name));
      cursors_found_.push_back({std::move(cursor), std::move(slots)});
    }
  }
  return {};
}

Result<void> Recoverer::look_at_segment(const std::string& name, Sequence first) {
  SegmentFile found;
  found.name = name;
  found.first = first;
  TRIBUTARY_ASSIGN(const auto file, files_.open(directory_ / name, OpenMode::read));
  TRIBUTARY_ASSIGN(found.size, file->size());
  std::array<std::byte, kSegmentHeaderSize> bytes{};
  // A header that can't be read is a damaged one.
  const auto count = read_patiently(*file, 0, bytes).value_or(0);
  found.header = decode_segment_header(ByteView(bytes).first(count));
  if (!found.header) found.guess = guess_log_id(ByteView(bytes).first(count));
  if (found.header && !found.header->understood()) {
    return fail(errc::unknown_version, (directory_ / name).string() + " is of version " +
                                           std::to_string(found.header->version) +
                                           " with features " +
                                           std::to_string(found.header->features) +
                                           ": a newer program wrote it; nothing was changed");
  }
  files_found_.push_back(std::move(found));
  return {};
}

// The id that most segments carry; among equals the one that more cursors carry, then the oldest
// segment's. Without one good segment header: what a damaged header says, if a frame confirms it;
// else what most cursors say; else this is a new log.
Result<void> Recoverer::choose_id() {
  std::map<Id, std::size_t> by_cursors;
  for (const auto& cursor : cursors_found_) {
    if (!cursor.slots.empty()) ++by_cursors[cursor.slots.front().log];
  }
  std::map<Id, std::size_t> by_segments;
  for (const auto& file : files_found_) {
    if (file.header) ++by_segments[file.header->log];
  }
  const auto* best = static_cast<const Id*>(nullptr);
  for (const auto& file : files_found_) {
    if (!file.header) continue;
    const auto& id = file.header->log;
    const auto votes = [&](const Id& of) { return std::pair(by_segments[of], by_cursors[of]); };
    if (best == nullptr || votes(id) > votes(*best)) best = &id;
  }
  if (best != nullptr) {
    recovered_.log = *best;
    return {};
  }
  TRIBUTARY_ASSIGN(const auto guess, confirmed_guess());
  if (guess) {
    recovered_.log = *guess;
  } else if (!by_cursors.empty()) {
    recovered_.log =
        std::ranges::max_element(by_cursors, {}, [](auto& vote) { return vote.second; })->first;
  } else {
    recovered_.log = Id::random();
  }
  return {};
}

Result<std::optional<Id>> Recoverer::confirmed_guess() {
  for (const auto& file : files_found_) {
    if (!file.guess) continue;
    const FrameFormat format(*file.guess);
    TRIBUTARY_ASSIGN(const auto opened, files_.open(directory_ / file.name, OpenMode::read));
    SegmentScan scan(*opened, format, {.end = file.size, .expected = file.first},
                     SegmentScan::OnUnreadable::take_as_zeros);
    for (;;) {
      TRIBUTARY_ASSIGN(const auto found, scan.next());
      if (found.kind == Found::Kind::record) return file.guess;
      if (found.kind == Found::Kind::end || found.kind == Found::Kind::tail) break;
    }
  }
  return std::nullopt;
}

// From the last segment to the first, since the first sequence of a segment says where the one
// before it ends. A file without a good header and without one record of ours says nothing.
Result<void> Recoverer::scan_segments() {
  Sequence before = kNoSegment;
  for (auto file = files_found_.rbegin(); file != files_found_.rend(); ++file) {
    const auto& header = file->header;
    if (header && (header->log != recovered_.log || header->first != file->first)) {
      foreign_.push_back(file->name);
      continue;
    }
    TRIBUTARY_ASSIGN(auto scanned, scan(*file, before));
    if (!header && scanned.records == 0) {
      junk_.push_back(std::move(*file));
      continue;
    }
    if (!header) {
      note(file->name + ": the header is damaged; its records were read all the same");
      scanned.damages.push_back({0, kSegmentHeaderSize});
    }
    before = file->first;
    scanned_.push_back(std::move(scanned));
  }
  std::ranges::reverse(scanned_);
  return {};
}

Result<Scanned> Recoverer::scan(const SegmentFile& file, Sequence before) {
  const bool is_last = before == kNoSegment;
  const FrameFormat format(recovered_.log);
  TRIBUTARY_ASSIGN(const auto opened, files_.open(directory_ / file.name, OpenMode::read));
  SegmentScan scan(*opened, format, {.end = file.size, .expected = file.first, .before = before},
                   SegmentScan::OnUnreadable::take_as_zeros);
  Scanned result;
  result.segment = std::make_shared<Segment>(file.first);
  auto& segment = *result.segment;
  segment.size = std::max<std::uint64_t>(file.size, kSegmentHeaderSize);
  const auto go_to = [&](Sequence sequence, std::uint64_t end) {
    if (segment.last.next() < sequence) {
      segment.add_missing({segment.last.next(), {sequence.value - 1}});
    }
    segment.last = sequence;
    segment.end = end;
  };
  for (;;) {
    TRIBUTARY_ASSIGN(const auto found, scan.next());
    segment.unreadable = scan.unreadable_bytes() > 0;
    switch (found.kind) {
      case Found::Kind::record:
        go_to(found.sequence, found.offset + found.size);
        segment.add_to_index(found.sequence, found.offset);
        ++result.records;
        break;
      case Found::Kind::bad_payload:
        go_to(found.sequence, found.offset + found.size);
        segment.add_missing({found.sequence, found.sequence});
        result.damages.push_back({found.offset, found.size});
        ++result.records;
        break;
      case Found::Kind::damage:
        result.damages.push_back({found.offset, found.size});
        break;
      case Found::Kind::tail:
        if (is_last && !found.looks_written && scan.unreadable_bytes() == 0) {
          result.torn = found.size;
        } else if (is_last) {
          // What can't be read may be as many records as there is room for.
          const auto more = scan.unreadable_bytes() > 0 ? found.size / kFrameSizeLeast : 0;
          const Sequence last{found.sequence.value + more};
          go_to(last, found.offset + found.size);
          segment.add_missing({last, last});
          result.damages.push_back({found.offset, found.size});
        } else if (found.sequence < before) {
          result.damages.push_back({found.offset, found.size});
        }
        return result;
      case Found::Kind::end:
        return result;
    }
  }
}

const CursorSlot* Recoverer::own_slot(const CursorState& cursor) const {
  const auto slot = std::ranges::find(cursor.slots, recovered_.log, &CursorSlot::log);
  return slot == cursor.slots.end() ? nullptr : &*slot;
}

bool Recoverer::is_named(const CursorState& cursor) const {
  return std::ranges::find(options_.cursors, cursor.name) != options_.cursors.end();
}

void Recoverer::find_next() {
  if (!scanned_.empty()) next_ = scanned_.back().segment->last.next();
  for (const auto& cursor : cursors_found_) {
    if (const auto* slot = own_slot(cursor)) {
      next_ = std::max(next_, last_released(slot->position).next());
    }
  }
  for (const auto& file : junk_) {
    // What may have been in it was perhaps read: none of those sequences comes again.
    const auto frames_most =
        file.size > kSegmentHeaderSize ? (file.size - kSegmentHeaderSize) / kFrameSizeLeast : 0;
    next_ = std::max(next_, Sequence{file.first.value + frames_most + 1});
  }
}

void Recoverer::clear_away() {
  for (const auto& name : unfinished_) std::ignore = files_.remove(directory_ / name);
  for (const auto& name : foreign_) {
    ++recovered_.report.foreign_files;
    set_aside(name, "belongs to another log");
  }
}

void Recoverer::set_aside(const std::string& name, std::string_view why) {
  auto sentence = name + " " + std::string(why) + ": ";
  if (const auto moved = damaged_.move(name)) {
    sentence += "moved to " + std::string(DamagedStore::kDirectory) + "/";
  } else {
    sentence += "it should be moved away, but: " + moved.error().message();
  }
  note(std::move(sentence));
}

void Recoverer::keep_damaged() {
  auto& report = recovered_.report;
  for (const auto& [segment, records, damages, torn] : scanned_) {
    const auto name = segment->name();
    const auto keep = [&](Range range, std::string_view what) {
      auto sentence = name + ": " + std::to_string(range.size) + " bytes at " +
                      std::to_string(range.offset) + " " + std::string(what);
      const auto kept = damaged_.keep(name, range.offset, range.size);
      if (!kept) sentence += "; not kept: " + kept.error().message();
      note(std::move(sentence));
    };
    for (const auto& damage : damages) {
      report.damaged_bytes += damage.size;
      keep(damage, "are damaged");
    }
    if (torn == 0) continue;
    report.torn_bytes += torn;
    keep({segment->end, torn}, "of an unfinished write are cut off");
  }
  for (const auto& file : junk_) report.damaged_bytes += file.size;
}

// When nothing that stays would tell the next start which sequence comes next, an empty segment
// named by it does.
Result<void> Recoverer::hold_next() {
  Sequence told{1};
  if (!scanned_.empty()) told = scanned_.back().segment->last.next();
  for (const auto& cursor : cursors_found_) {
    const auto* slot = own_slot(cursor);
    if (slot != nullptr && is_named(cursor)) {
      told = std::max(told, last_released(slot->position).next());
    }
  }
  if (told >= next_) return {};
  recovered_.active = std::make_shared<Segment>(next_);
  recovered_.segments.push_back(recovered_.active);
  TRIBUTARY_ASSIGN(recovered_.active->file,
                   make_segment_file(files_, directory_, recovered_.log, next_, {}));
  return {};
}

// The last segment may hold a commit that was never synced, or whose sync failed: then it is in the
// page cache, where a sync would pass over it. A copy is durable for sure, has no torn tail and a
// good header; and nothing that was durable is written over.
Result<void> Recoverer::settle_last() {
  for (auto& scanned : scanned_) recovered_.segments.push_back(scanned.segment);
  if (scanned_.empty()) return {};
  auto& segment = *scanned_.back().segment;
  auto copied = copy_segment_file(files_, directory_, recovered_.log, segment.first, segment.end);
  if (!copied) {
    // No room for the copy, perhaps. What is there stays as it is, and the log goes on behind it.
    note(segment.name() + " could not be copied: " + copied.error().message());
    return settle_in_place(segment);
  }
  segment.size = segment.end;
  // A damaged segment gets no more records: what is left of a frame in it, say a header whose
  // payload was cut off, would reach over them.
  if (segment.last.next() == next_ && segment.size < options_.segment_size &&
      scanned_.back().damages.empty()) {
    segment.file = std::move(*copied);
    recovered_.active = scanned_.back().segment;
  }
  return {};
}

Result<void> Recoverer::settle_in_place(const Segment& segment) {
  TRIBUTARY_TRY(sync_in_place(segment.name()));
  const auto file = std::ranges::find(files_found_, segment.first, &SegmentFile::first);
  TRIBUTARY_ASSIGN(const auto again, scan(*file, kNoSegment));
  const bool same =
      again.segment->last == segment.last && again.segment->missing == segment.missing;
  return same ? Result<void>() : disk_has_less(segment.name());
}

// For a file that can't be replaced by a copy: what is read from here on is on the disk.
Result<void> Recoverer::sync_in_place(const std::string& name) {
  TRIBUTARY_ASSIGN(const auto file, files_.open(directory_ / name, OpenMode::read_write));
  TRIBUTARY_TRY(file->sync());
  TRIBUTARY_TRY(file->drop_cached());
  // The file may be the copy, when only this failed.
  return files_.sync_directory(directory_);
}

std::unexpected<Error> Recoverer::disk_has_less(const std::string& name) {
  read_more_than_the_disk_has_ = true;
  note(name + ": the disk has less of it than the page cache had; that was never durable");
  return fail(errc::unavailable, (directory_ / name).string() +
                                     ": the disk has less of it than was read before: start again");
}

Result<void> Recoverer::restore_cursors() {
  for (const auto& name : options_.cursors) {
    TRIBUTARY_ASSIGN(auto cursor, restore_cursor(name));
    recovered_.cursors.push_back(std::move(cursor));
  }
  bool removed = false;
  for (const auto& cursor : cursors_found_) {
    if (is_named(cursor)) continue;
    const auto file_name = cursor.name + std::string(kCursorNameEnd);
    if (!cursor.slots.empty() && own_slot(cursor) == nullptr) {
      ++recovered_.report.foreign_files;
      set_aside(file_name, "belongs to another log");
      continue;
    }
    TRIBUTARY_TRY(files_.remove(directory_ / file_name));
    note("the cursor " + cursor.name + " is no longer used: removed");
    removed = true;
  }
  return removed ? files_.sync_directory(directory_) : Result<void>();
}

Result<Recovered::Cursor> Recoverer::restore_cursor(const std::string& name) {
  const auto& segments = recovered_.segments;
  const auto file_name = name + std::string(kCursorNameEnd);
  Recovered::Cursor cursor;
  cursor.name = name;
  cursor.position.prefix = {(segments.empty() ? next_ : segments.front()->first).value - 1};
  std::uint64_t generation = 0;
  const auto found = std::ranges::find(cursors_found_, name, &CursorState::name);
  if (found != cursors_found_.end()) {
    if (const auto* slot = own_slot(*found)) {
      cursor.position = slot->position;
      generation = slot->generation;
    } else {
      ++recovered_.report.void_cursors;
      if (!found->slots.empty()) ++recovered_.report.foreign_files;
      set_aside(file_name, found->slots.empty() ? "is damaged; the cursor starts anew"
                                                : "belongs to another log; the cursor starts anew");
    }
  }
  cursor.file =
      std::make_unique<CursorFile>(files_, directory_ / file_name, recovered_.log, generation);
  const auto saved = cursor.file->save(cursor.position);
  if (saved) return cursor;
  if (generation == 0) return std::unexpected(saved.error());
  // No room for a new file, perhaps: the old one says the same.
  note(file_name + " could not be made anew: " + saved.error().message());
  TRIBUTARY_TRY(sync_in_place(file_name));
  TRIBUTARY_ASSIGN(auto slots, read_cursor_file(files_, directory_ / file_name));
  const CursorState again{name, std::move(slots)};
  const auto* slot = own_slot(again);
  if (slot == nullptr || slot->generation < generation) return disk_has_less(file_name);
  cursor.file->keep(cursor.position);
  return cursor;
}

// Every sequence of the log that has no record is lost; unless every cursor had released it.
void Recoverer::count_gaps() {
  auto& report = recovered_.report;
  Sequence released;
  for (const auto& cursor : recovered_.cursors) {
    const auto prefix = cursor.position.prefix;
    released = &cursor == &recovered_.cursors.front() ? prefix : std::min(released, prefix);
  }
  const auto count = [&](Sequence first, Sequence end) {
    first = std::max(first, released.next());
    if (first < end) report.damaged_records += end.value - first.value;
  };
  const auto& segments = recovered_.segments;
  // No segment goes before every cursor has passed it, and no cursor starts before the first one.
  if (!recovered_.cursors.empty() && !segments.empty()) count({1}, segments.front()->first);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& segment = *segments[i];
    for (const auto& range : segment.missing) count(range.first, range.last.next());
    count(segment.last.next(), i + 1 < segments.size() ? segments[i + 1]->first : next_);
  }
}

// What a failure to look into or to sync a directory says when it is somebody else's: then it was
// there before us.
bool is_not_ours(const Error& error) {
  return error.code() == std::errc::permission_denied ||
         error.code() == std::errc::operation_not_permitted ||
         error.code() == std::errc::read_only_file_system ||
         error.code() == std::errc::invalid_argument;
}

Result<bool> exists(FileSystem& files, const std::filesystem::path& directory) {
  const auto names = files.list(directory);
  if (names || is_not_ours(names.error())) return true;
  if (names.error().code() == std::errc::no_such_file_or_directory) return false;
  return std::unexpected(names.error());
}

}  // namespace

Result<void> prepare_directory(FileSystem& files, const std::filesystem::path& directory) {
  // One level at a time, each durable before the next: what is there needs no second look.
  const auto parent =
      directory.has_parent_path() ? directory.parent_path() : std::filesystem::path(".");
  TRIBUTARY_ASSIGN(const bool there, exists(files, directory));
  if (there) {
    // It may have been made by a process that died before it could sync.
    auto synced = files.sync_directory(parent);
    return !synced && is_not_ours(synced.error()) ? Result<void>() : synced;
  }
  if (parent != directory) TRIBUTARY_TRY(prepare_directory(files, parent));
  TRIBUTARY_TRY(files.make_directories(directory));
  return files.sync_directory(parent);
}

Result<Recovered> recover(FileSystem& files, const LogOptions& options, DamagedStore& damaged) {
  Recoverer recoverer(files, options, damaged);
  auto recovered = recoverer.run();
  if (recovered || !recoverer.read_more_than_the_disk_has()) return recovered;
  auto again = Recoverer(files, options, damaged).run();
  if (!again) return again;
  // What was set aside was not found again.
  const auto& before = recoverer.report();
  auto& report = again->report;
  report.foreign_files += before.foreign_files;
  report.void_cursors += before.void_cursors;
  report.notes.insert(report.notes.begin(), before.notes.begin(), before.notes.end());
  return again;
}

}  // namespace tributary
