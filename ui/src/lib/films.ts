// Films: which is meant, what is said of it, and its stream from the desk to the memory of this window.
import { commands } from "../generated/commands";
import type { FilmRequest, FilmRow, StudyDetails } from "../generated/types";
import { desk } from "./desk.svelte";

/** Number and description of the series that a film is in, and which of several it is. */
export function seriesLine(details: StudyDetails, film: FilmRow): string {
  const series = details.series.find((one) => one.uid === film.seriesUid);
  const beside = details.films.filter((one) => one.seriesUid === film.seriesUid);
  const which = beside.length > 1 ? `${beside.indexOf(film) + 1}/${beside.length}` : "";
  return [series?.number?.toString(), series?.description || series?.modality, which].filter(Boolean).join(" · ");
}

/** Opens the player over the worklist. */
export function playFilm(details: StudyDetails, film: FilmRow): void {
  const about = [details.study.date, details.study.description, seriesLine(details, film)].filter(Boolean).join(" · ");
  desk.overlay = { film: { studyUid: details.study.uid, instanceUid: film.instanceUid, identity: details.identity, about } };
}

/** A double click on a series: its film where it has one, else the study on the light box. */
export function openSeries(details: StudyDetails, seriesUid: string): void {
  const film = details.films.find((one) => one.seriesUid === seriesUid);
  if (film) playFilm(details, film);
  else void desk.openStudy(details.study.uid);
}

/** All of a stream; null when `goOn`, which is told the bytes that are there, says that nobody waits any more. */
export async function streamOf(film: FilmRequest, length: number, goOn: (read: number) => boolean): Promise<Blob | null> {
  const pieces: ArrayBuffer[] = [];
  let offset = 0;
  while (offset < length) {
    const { base64 } = await commands.filmPiece({ ...film, offset });
    const piece = bytesOf(base64);
    // A stream that ends early would never end here.
    if (piece.byteLength === 0) break;
    pieces.push(piece);
    offset += piece.byteLength;
    if (!goOn(offset)) return null;
  }
  // Without a type: the player looks at the stream itself, since DICOM does not say how it is wrapped.
  return new Blob(pieces);
}

function bytesOf(base64: string): ArrayBuffer {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}
