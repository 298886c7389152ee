// Addenda to conflicts while they are typed, by who types them: a dialog that is closed, or a lock, takes no words with it.
const typed = new Map<string, string>();

const keyOf = (account: string, destination: string, entry: number) => `${account}\n${destination}\n${entry}`;

/** What was typed before. */
export const addendumOf = (account: string, destination: string, entry: number): string => typed.get(keyOf(account, destination, entry)) ?? "";

/** Holds what is typed; nothing when it is signed. */
export function holdAddendum(account: string, destination: string, entry: number, words: string): void {
  const key = keyOf(account, destination, entry);
  if (words.trim() === "") typed.delete(key);
  else typed.set(key, words);
}
