// Which rows of a long list are on the screen, and where to scroll. Pure numbers, no DOM.

/** Rows `first..last`, last not included. */
export interface Range {
  first: number;
  last: number;
}

/** The rows to draw: those in view and `over` more on each side, so that a small scroll finds them there. */
export function visibleRows(scrollTop: number, height: number, row: number, total: number, over: number): Range {
  if (total === 0 || row <= 0) return { first: 0, last: 0 };
  const first = Math.max(0, Math.floor(scrollTop / row) - over);
  const last = Math.min(total, Math.ceil((scrollTop + height) / row) + over);
  return { first: Math.min(first, last), last };
}

/** Numbers of the blocks of `size` rows that a range touches. */
export function blocksOf(range: Range, size: number): number[] {
  const blocks: number[] = [];
  if (range.last <= range.first) return blocks;
  for (let block = Math.floor(range.first / size); block * size < range.last; block += 1) blocks.push(block);
  return blocks;
}

/** The least scrolling that brings a row into view. */
export function scrollToShow(index: number, scrollTop: number, height: number, row: number): number {
  const top = index * row;
  if (top < scrollTop) return top;
  if (top + row > scrollTop + height) return top + row - height;
  return scrollTop;
}
