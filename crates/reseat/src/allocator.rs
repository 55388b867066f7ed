//! Memory of the program where musl is inside. The allocator of musl gives every larger piece back to the system at once and has
//! to ask for it again; `dlmalloc` keeps it, but cannot grow a very large one without a copy, which the system can.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

use dlmalloc::GlobalDlmalloc;

/// Pieces of so many bytes or more are the system's.
const LARGE: usize = 1 << 20;

/// Small pieces from `dlmalloc`, large ones from the system.
pub struct Allocator;

fn is_large(size: usize) -> bool {
    size >= LARGE
}

// SAFETY: a piece is given back to the allocator that it came from, as its size, which is the same then, alone decides which one that
// is. What they promise and ask for holds for both.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises is what the allocator asks for.
        unsafe { if is_large(layout.size()) { System.alloc(layout) } else { GlobalDlmalloc.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if is_large(layout.size()) {
                System.alloc_zeroed(layout)
            } else {
                GlobalDlmalloc.alloc_zeroed(layout)
            }
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as above; the size is that with which it was asked for.
        unsafe {
            if is_large(layout.size()) {
                System.dealloc(piece, layout);
            } else {
                GlobalDlmalloc.dealloc(piece, layout);
            }
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size, too, makes a layout; the new piece is another than the old one, and both have
        // the bytes that are copied.
        unsafe {
            match (is_large(layout.size()), is_large(size)) {
                (true, true) => System.realloc(piece, layout, size),
                (false, false) => GlobalDlmalloc.realloc(piece, layout, size),
                _ => {
                    let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !new.is_null() {
                        std::ptr::copy_nonoverlapping(piece, new, layout.size().min(size));
                        self.dealloc(piece, layout);
                    }
                    new
                }
            }
        }
    }
}
