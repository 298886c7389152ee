import { describe, expect, it } from "vitest";
import type { RetrievalPhase, RetrievalRow } from "../src/generated/types";
import { aboutOf, spokenOf } from "../src/lib/retrievals";

const row = (phase: RetrievalPhase["state"], filesDone: number, filesTotal: number, ahead = false): RetrievalRow =>
  ({ id: 1, node: "archive", studyUid: "1.2", about: "", ahead, phase: { state: phase } as RetrievalPhase, filesDone, filesTotal, bytesDone: 0, bytesPerSecond: 0 });

describe("retrievals", () => {
  it("are read aloud in steps of a tenth, over all that were asked for", () => {
    expect(spokenOf([row("running", 19, 50), row("waiting", 0, 0)])).toEqual({ key: "share", percent: 30 });
    expect(spokenOf([row("running", 0, 0)])).toEqual({ key: "share", percent: 0 });
    expect(spokenOf([row("ended", 5, 5), row("running", 1, 9, true)])).toEqual({ key: "all" });
  });
  it("say nothing of what is only fetched ahead", () => {
    expect(spokenOf([row("running", 1, 9, true)])).toBeNull();
    expect(spokenOf([])).toBeNull();
  });
  it("name a study as the person saw it in the list", () => {
    expect(aboutOf({ name: "Doe^Jane", date: "2026-04-01", description: "" })).toBe("Doe Jane · 2026-04-01");
    expect(aboutOf({ name: "", date: "", description: "Head" })).toBe("— · Head");
  });
});
