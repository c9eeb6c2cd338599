//! An allocator that counts, for the tests of several crates: a file of tests that installs it must hold one test alone, since
//! it counts for the whole process.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts what it gives.
pub struct Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on from the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Allocations of steps 20 to 39, once earlier ones have taken what memory they need.
pub fn allocations<E>(mut step: impl FnMut(u64) -> Result<(), E>) -> Result<usize, E> {
    (0..20).try_for_each(&mut step)?;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (20..40).try_for_each(&mut step)?;
    Ok(ALLOCATIONS.load(Ordering::Relaxed) - before)
}
