/** The host writes field `index`, whose text is `[start, stop)`, to `o`; returns where that ends, or 0. */
export declare function general(index: i32, start: usize, stop: usize, o: usize): usize;
