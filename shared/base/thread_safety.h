#pragma once

// What clang's thread-safety analysis (-Wthread-safety) reads: which mutex guards a member, which
// function needs it held. Other compilers see nothing.
#ifdef __clang__
#define TRIBUTARY_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define TRIBUTARY_THREAD_SAFETY(attribute)
#endif

// A member that is only touched while `mutex` is held.
#define TRIBUTARY_GUARDED_BY(mutex) TRIBUTARY_THREAD_SAFETY(guarded_by(mutex))
// A function (or a lambda) that is only called while `mutex` is held.
#define TRIBUTARY_REQUIRES(mutex) TRIBUTARY_THREAD_SAFETY(requires_capability(mutex))
// For a function whose locking the analysis can't follow; the comment beside it says why.
#define TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS TRIBUTARY_THREAD_SAFETY(no_thread_safety_analysis)
