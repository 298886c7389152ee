// The words of the user interface. One language at a time, changed while the program runs.
import { words, type LocaleCode, type WordKey } from "../generated/locales";
import type { KeySourceInfo, Problem } from "../generated/types";

export type { LocaleCode, WordKey };

const chosen = $state<{ locale: LocaleCode }>({ locale: "en" });

/** The language in use. */
export const locale = (): LocaleCode => chosen.locale;

/** Shows every word in another language from now on. */
export function setLocale(code: LocaleCode): void {
  chosen.locale = code;
  document.documentElement.lang = code;
}

/** The text of a key with each `{name}` filled in. */
export function t(key: WordKey, values: Record<string, string | number> = {}): string {
  let text: string = words[chosen.locale][key];
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value));
  return text;
}

/** True when there is a text of this name. */
export const isWord = (key: string): key is WordKey => key in words.en;

/** The text of a key that is put together at run time; the last part itself when there is none. */
export const named = (group: string, name: string): string => {
  const key = `${group}.${name}`;
  return isWord(key) ? t(key) : name;
};

/** The label of a command. */
export const labelOf = (id: string): string => {
  const dot = id.indexOf(".");
  return named(id.slice(0, dot), id.slice(dot + 1));
};

/** What went wrong, in the language in use; the English of whoever noticed where no words fit. */
export function told(problem: Problem): string {
  const key = `problem.${problem.code}`;
  if (!isWord(key)) return problem.detail;
  // A value may name a word, which may have places of its own: two rounds fill all.
  let text: string = t(key);
  for (let round = 0; round < 2; round += 1) {
    for (const [name, value] of Object.entries(problem.values)) {
      const word = value.slice(1);
      text = text.replaceAll(`{${name}}`, value.startsWith("@") && isWord(word) ? t(word) : value);
    }
  }
  return /\{\w+\}/.test(text) ? problem.detail : text;
}

/** Where the key of the cache is kept. */
export const placeOf = (source: KeySourceInfo): string => t(`place.${source.kind as "keyring" | "file" | "credential"}`, { key_name: source.name });

/** The problem in what was thrown, wherever it came from. */
export function problemOf(error: unknown): Problem {
  if (typeof error === "object" && error !== null && "code" in error && "detail" in error && "values" in error) return error as Problem;
  const detail = typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error);
  return { code: "", values: {}, detail };
}
