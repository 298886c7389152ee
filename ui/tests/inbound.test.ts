// What other systems say: orders whose images are not here, and reports that are shown as text.
import { render, screen } from "@testing-library/svelte";
import { afterEach, expect, test } from "vitest";
import Expected from "../src/parts/Expected.svelte";
import Orders from "../src/parts/Orders.svelte";
import ServerReports from "../src/report/ServerReports.svelte";
import { Expected as ExpectedList } from "../src/lib/expected.svelte";
import { desk } from "../src/lib/desk.svelte";
import { dueIn } from "../src/lib/due.svelte";
import type { OrderView, ServerReportView, SettingsView, StudyRow } from "../src/generated/types";

const order = (more: Partial<OrderView> = {}): OrderView => ({
  source: "ris", place: "ServiceRequest/1", status: "open", isGone: false, priority: "stat", name: "DOE^JANE", id: "P1", accession: "A1",
  procedure: "CT of the head", code: "", reason: "Fall", requester: "Dr. House", performer: "", modality: "CT", requested: null,
  scheduled: { atMs: null, local: "2026-11-23 08:30" }, dueMs: null, owner: "", taskStatus: "", seenMs: 0, ...more,
});

const report = (more: Partial<ServerReportView> = {}): ServerReportView => ({
  source: "ris", place: "DiagnosticReport/1", version: "3", status: "final", isWithdrawn: false, isGone: false, title: "CT", effective: "2025-01-02",
  issuedMs: null, performer: "Dr. X", text: "Normal.", isCut: false, otherForms: [], seenMs: 0, identity: "", isDoubtful: false, ...more,
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
  render(ServerReports, { reports: [report({ text })], sources: [] });
  expect(screen.getByTestId("server-report").textContent).toContain(text);
  expect(document.querySelector("img")).toBeNull();
});

test("a withdrawn report says so, and a source that does not answer too", () => {
  const source = { name: "ris", system: "fhir", brings: ["reports"], everyMin: 5, askedMs: 1, answeredMs: null, failingSinceMs: 1, attempts: 2, problem: { code: "sync.unreachable", values: {}, detail: "" } };
  render(ServerReports, { reports: [report({ isWithdrawn: true, status: "entered-in-error" })], sources: [source] });
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
  render(ServerReports, { reports: [report({ identity: "Doe^Jane · 1901-01-01", isDoubtful: true })], sources: [] });
  expect(screen.getByTestId("doubtful").textContent).toContain("▲");
  expect(screen.getByTestId("server-report").textContent).toContain("1901-01-01");
});
