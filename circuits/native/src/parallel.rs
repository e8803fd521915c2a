//! Work on pieces of a list, on every core with the feature `parallel` and in order without it. The result is the same.

/// What `work` makes of each piece of `size` items, put together in order.
pub fn map_pieces<T: Sync, U: Send>(items: &[T], size: usize, work: impl Fn(&[T]) -> Vec<U> + Send + Sync) -> Vec<U> {
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        let pieces: Vec<Vec<U>> = items.par_chunks(size).map(work).collect();
        pieces.into_iter().flatten().collect()
    }
    #[cfg(not(feature = "parallel"))]
    {
        items.chunks(size).flat_map(work).collect()
    }
}
