// What other systems say: orders whose images are not here, and reports that are shown as text.
import { render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, expect, test } from "vitest";
import Expected from "../src/parts/Expected.svelte";
import Orders from "../src/parts/Orders.svelte";
import WoundHistory from "../src/report/WoundHistory.svelte";
import ServerReports from "../src/report/ServerReports.svelte";
import { Expected as ExpectedList } from "../src/lib/expected.svelte";
import { desk } from "../src/lib/desk.svelte";
import { dueIn } from "../src/lib/due.svelte";
import type { OrderView, ServerReportView, SettingsView, SourceView, StudyRow, WoundView } from "../src/generated/types";

const order = (more: Partial<OrderView> = {}): OrderView => ({
  source: "ris", place: "ServiceRequest/1", status: "open", isGone: false, priority: "stat", name: "DOE^JANE", id: "P1", accession: "A1",
  procedure: "CT of the head", code: "", reason: "Fall", requester: "Dr. House", performer: "", modality: "CT", requested: null,
  scheduled: { atMs: null, local: "2026-11-23 08:30" }, dueMs: null, owner: "", taskStatus: "", seenMs: 0, ...more,
});

const report = (more: Partial<ServerReportView> = {}): ServerReportView => ({
  source: "ris", place: "DiagnosticReport/1", version: "3", status: "final", isWithdrawn: false, isGone: false, category: "", title: "CT", effective: "2025-01-02",
  issuedMs: null, performer: "Dr. X", text: "Normal.", isCut: false, otherForms: [], seenMs: 0, identity: "", isDoubtful: false, ...more,
});

const none = { allKinds: false, onkinds: () => {}, onfurther: () => {} };

const wound = (more: Partial<WoundView> = {}): WoundView => ({
  source: "ward", place: "Observation/1", version: "1", status: "final", isWithdrawn: false, isGone: false, code: "39126-8", what: "Length of Wound",
  effective: "2026-03-01", effectiveMs: null, site: "Sacrum", method: "", performer: "Nurse A", values: [{ code: "", what: "", found: { kind: "quantity", with: ["4.2", "cm"] } }],
  seenMs: 0, identity: "", isDoubtful: false, ...more,
});

const answered = (more: Partial<SourceView> = {}): SourceView => ({
  name: "ward", system: "fhir", brings: ["reports", "wounds"], everyMin: 0, askedMs: 1, answeredMs: 1, failingSinceMs: null, attempts: 0, problem: null, hasMore: false, ...more,
});

afterEach(() => {
  desk.expected = new ExpectedList();
  document.body.innerHTML = "";
});

test("orders without images are listed with what was asked for, why and when", async () => {
  desk.expected = new ExpectedList(async () => ({ isSetUp: true, asksByItself: true, total: 1, orders: [order()] }));
  await desk.expected.askNow("");
  render(Expected);
  const row = screen.getByTestId("expected-order").textContent ?? "";
  for (const word of ["▲", "CT of the head", "Fall", "DOE^JANE", "P1", "A1", "2026-11-23 08:30", "ris"]) expect(row).toContain(word);
});

test("nothing expected and nothing set up are told apart", async () => {
  desk.expected = new ExpectedList(async () => ({ isSetUp: true, asksByItself: true, total: 0, orders: [] }));
  await desk.expected.askNow("");
  const shown = render(Expected);
  const quiet = screen.getByTestId("expected-empty").textContent;
  shown.unmount();
  desk.expected = new ExpectedList(async () => ({ isSetUp: false, asksByItself: false, total: 0, orders: [] }));
  await desk.expected.askNow("");
  render(Expected);
  expect(screen.getByTestId("expected-empty").textContent).not.toBe(quiet);
});

test("an answer to an older question is dropped", async () => {
  const answers: ((orders: OrderView[]) => void)[] = [];
  const list = new ExpectedList(() => new Promise((done) => answers.push((orders) => done({ isSetUp: true, asksByItself: true, total: orders.length, orders }))));
  const [first, second] = [list.askNow("a"), list.askNow("b")];
  answers[1]?.([order(), order({ place: "ServiceRequest/2" })]);
  answers[0]?.([]);
  await Promise.all([first, second]);
  expect(list.total).toBe(2);
});

test("markup in a server's report is shown as the text that it is", () => {
  const text = '<img src=x onerror="alert(1)"> Normal.';
  render(ServerReports, { reports: [report({ text })], sources: [], ...none });
  expect(screen.getByTestId("server-report").textContent).toContain(text);
  expect(document.querySelector("img")).toBeNull();
});

test("a withdrawn report says so, and a source that does not answer too", () => {
  const source = { name: "ris", system: "fhir", brings: ["reports"], everyMin: 5, askedMs: 1, answeredMs: null, failingSinceMs: 1, attempts: 2, problem: { code: "sync.unreachable", values: {}, detail: "" }, hasMore: false };
  render(ServerReports, { reports: [report({ isWithdrawn: true, status: "entered-in-error" })], sources: [source], ...none });
  expect(screen.getByTestId("withdrawn")).toBeTruthy();
  expect(screen.getByTestId("reports-failing").textContent).toContain("ris");
});

test("who has an order at the other system is named", () => {
  render(Orders, { orders: [order({ owner: "Dr. Y" })] });
  expect(screen.getByTestId("order-owner").textContent).toContain("Dr. Y");
});

test("the service clock goes by the order's own time where it has one", () => {
  const row = { state: "unread", priority: "routine", importedMs: 0, dueMs: null } as StudyRow;
  desk.settings = { serviceMinutes: { routine: 60 } } as unknown as SettingsView;
  expect(dueIn(row, 30)).toContain("0:30");
  expect(dueIn({ ...row, dueMs: 10 * 60_000 }, 30)).toContain("0:20");
  desk.settings = null;
});

test("a report that may be of somebody else says so before it is opened, and whose it is there", () => {
  render(ServerReports, { reports: [report({ identity: "Doe^Jane · 1901-01-01", isDoubtful: true })], sources: [], ...none });
  expect(screen.getByTestId("doubtful").textContent).toContain("▲");
  expect(screen.getByTestId("server-report").textContent).toContain("1901-01-01");
});

test("a server that has more than was read says so, and is read further when somebody wants it", async () => {
  let [further, kinds] = [0, false];
  const ask = { ...none, onkinds: (all: boolean) => (kinds = all), onfurther: () => further++ };
  render(ServerReports, { reports: [report({ category: "Laboratory" })], sources: [answered({ hasMore: true })], ...ask });
  expect(screen.getByTestId("reports-more").textContent).toContain("ward");
  expect(screen.getByTestId("report-category").textContent).toBe("Laboratory");
  screen.getByTestId("reports-further").click();
  screen.getByTestId("report-kinds").click();
  await tick();
  expect([further, kinds]).toEqual([1, true]);
  expect(screen.getByTestId<HTMLButtonElement>("reports-further").disabled).toBe(true);
});

test("a wound is listed with day, site, what was measured, its unit as it came, and who says so", () => {
  const words = { code: "", what: "Stage", found: { kind: "words", with: "Stage 3" } as const };
  const wounds = [wound(), wound({ place: "Observation/2", code: "", what: "Own scale", site: "", values: [words, { ...words, what: "Area", found: { kind: "quantity", with: ["7", ""] } }] })];
  render(WoundHistory, { wounds, sources: [answered()], onfurther: () => {} });
  const [first, second] = screen.getAllByTestId("wound").map((row) => row.textContent ?? "");
  for (const word of ["2026-03-01", "Sacrum", "4.2 cm", "ward", "Nurse A"]) expect(first).toContain(word);
  for (const word of ["Own scale", "Stage Stage 3", "Area 7"]) expect(second).toContain(word);
  expect(screen.queryByTestId("wounds-more")).toBeNull();
});

test("a withdrawn wound and one that may be of somebody else are marked, and none is not taken for no answer", () => {
  const shown = render(WoundHistory, { wounds: [wound({ isWithdrawn: true, isDoubtful: true, identity: "Doe^Jane · 1901-01-01" })], sources: [answered()], onfurther: () => {} });
  expect(screen.getByTestId("wound-withdrawn")).toBeTruthy();
  expect(screen.getByTestId("wound").textContent).toContain("1901-01-01");
  shown.unmount();
  render(WoundHistory, { wounds: [], sources: [answered({ failingSinceMs: 1, problem: { code: "sync.unreachable", values: {}, detail: "" } })], onfurther: () => {} });
  expect(screen.getByTestId("wounds-failing").textContent).toContain("ward");
});
