// The words of the user interface. One language at a time, changed while the program runs.
import { words, type LocaleCode, type WordKey } from "../generated/locales";

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
