// Which rows are drawn and where a list scrolls to.
import { expect, test } from "vitest";
import { blocksOf, scrollToShow, visibleRows } from "../src/lib/window";

test("of a hundred thousand studies only those in view and a few more are drawn", () => {
  const range = visibleRows(28 * 50_000, 700, 28, 100_000, 12);
  expect(range).toEqual({ first: 49_988, last: 50_037 });
});

test("the ends of the list are never overrun", () => {
  expect(visibleRows(0, 700, 28, 3, 12)).toEqual({ first: 0, last: 3 });
  expect(visibleRows(28 * 99_990, 700, 28, 100_000, 12).last).toBe(100_000);
  expect(visibleRows(0, 700, 28, 0, 12)).toEqual({ first: 0, last: 0 });
  // A list that became shorter than the place it was scrolled to.
  expect(visibleRows(28 * 500, 700, 28, 10, 12)).toEqual({ first: 10, last: 10 });
});

test("a range across a border needs both blocks", () => {
  expect(blocksOf({ first: 90, last: 110 }, 100)).toEqual([0, 1]);
  expect(blocksOf({ first: 100, last: 200 }, 100)).toEqual([1]);
  expect(blocksOf({ first: 5, last: 5 }, 100)).toEqual([]);
});

test("a row comes into view by the least scrolling, and a visible one moves nothing", () => {
  expect(scrollToShow(10, 0, 700, 28)).toBe(0);
  expect(scrollToShow(30, 0, 700, 28)).toBe(31 * 28 - 700);
  expect(scrollToShow(2, 280, 700, 28)).toBe(56);
});
