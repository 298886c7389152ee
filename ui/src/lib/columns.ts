// The columns the worklist can have. Ids are those of the setting `worklist_columns`.
import type { SortColumn, StudyRow } from "../generated/types";
import { bytes, count, moment } from "./format";
import { clock, dueIn } from "./due.svelte";
import { named } from "./words.svelte";

/** One column. */
export interface Column {
  /** A track of the grid. */
  width: string;
  /** What the head sorts by; a column without it can't be sorted by. */
  sort?: SortColumn;
  /** Numbers stand at the right. */
  right?: true;
  /** Secondary: shown quieter. */
  dim?: true;
  /** The text of the cell. */
  text: (row: StudyRow) => string;
}

const first = (text: string) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** What stands for how urgent a study is: a sign and a word. */
const urgency = (row: StudyRow) => `${{ stat: "▲ ", urgent: "! " }[row.priority] ?? ""}${named("priority", row.priority)}`;

export const columns = {
  priority: { width: "78px", sort: "priority", text: urgency },
  state: { width: "88px", sort: "state", dim: true, text: (row) => first(named("state", row.state)) },
  name: { width: "minmax(130px, 1.3fr)", sort: "name", text: (row) => row.name || "—" },
  id: { width: "minmax(72px, 104px)", sort: "id", dim: true, text: (row) => row.id },
  date: { width: "136px", sort: "date", dim: true, text: (row) => `${row.date} ${row.time}`.trim() },
  modality: { width: "56px", sort: "modality", text: (row) => row.modalities.join(" ") },
  description: { width: "minmax(96px, 1.5fr)", sort: "description", text: (row) => row.description },
  images: { width: "64px", sort: "images", right: true, dim: true, text: (row) => count(row.images) },
  accession: { width: "minmax(80px, 112px)", sort: "accession", dim: true, text: (row) => row.accession },
  series: { width: "64px", right: true, dim: true, text: (row) => count(row.series) },
  size: { width: "84px", right: true, dim: true, text: (row) => bytes(row.bytes) },
  who: { width: "minmax(64px, 104px)", dim: true, text: (row) => (row.claimedBy ? `● ${row.claimedBy}` : row.assignedTo || (row.orderOwner && `○ ${row.orderOwner}`)) },
  ordered: { width: "minmax(96px, 1.2fr)", dim: true, text: (row) => row.ordered },
  due: { width: "74px", right: true, dim: true, text: (row) => dueIn(row, clock.minute) },
  imported: { width: "136px", sort: "imported", dim: true, text: (row) => moment(row.importedMs) },
} satisfies Record<string, Column>;

/** Id of a column. */
export type ColumnId = keyof typeof columns;

/** Columns by id, in the order of the setting; unknown names are passed over. */
export const chosenColumns = (ids: string[]): [ColumnId, Column][] =>
  ids.filter((id): id is ColumnId => id in columns).map((id) => [id, columns[id]]);
