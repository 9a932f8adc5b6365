/**
 * Characters that no line of ours shows as they are: control characters, line separators, and the marks that turn the direction
 * of what follows. A foreign text with them could forge a line of a log, move a cursor or show another name than it has.
 */
const unseen = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const runs = new RegExp(`${unseen.source}+`, 'gu');

/** The text in one line: each such character is a space, so that columns stay where they are. */
export function printable(text: string): string {
  return text.replace(unseen, ' ');
}

/** The text in one line, runs of such characters one space. */
export function oneLine(text: string): string {
  return text.replace(runs, ' ').trim();
}

/** A value as JSON in one line of a log: nothing is lost, and nothing acts on who reads it. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    unseen,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
